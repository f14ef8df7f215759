import { durationMs, type CorsPolicy, type HttpFault } from '@lateen/config';
import { packAny, type Any } from '@lateen/protocol';
import { CorsPolicy as EnvoyCorsPolicy } from '@lateen/protocol/envoy/extensions/filters/http/cors/v3';
import { HTTPFault } from '@lateen/protocol/envoy/extensions/filters/http/fault/v3';
import type { FractionalPercent } from '@lateen/protocol/envoy/type/v3';
import { grpcStatusNumbers } from './grpc-status.ts';
import { stringMatcher } from './string-match.ts';

export const faultFilter = 'envoy.filters.http.fault';
export const corsFilter = 'envoy.filters.http.cors';

/** A share in percent; Envoy counts it in millionths. */
export function fraction(percent: number): FractionalPercent {
  return { numerator: Math.round(percent * 10_000), denominator: 'MILLION' };
}

/** The share that a rule names; all requests where it names none. */
function shareOf(percentage: { readonly value?: number } | undefined): FractionalPercent {
  return percentage === undefined ? { numerator: 100 } : fraction(percentage.value ?? 0);
}

/** The configuration of the fault filter for one route. */
export function faultConfig(fault: HttpFault): Any {
  const { delay, abort } = fault;
  const fixedDelay = durationMs(delay?.fixedDelay, undefined);
  const grpcStatus = abort?.grpcStatus === undefined ? undefined : grpcStatusNumbers.get(abort.grpcStatus);
  return packAny(HTTPFault, {
    ...(fixedDelay === undefined ? {} : { delay: { fixedDelay, percentage: shareOf(delay?.percentage) } }),
    ...(abort?.httpStatus === undefined && grpcStatus === undefined
      ? {}
      : {
          abort: {
            percentage: shareOf(abort?.percentage),
            ...(grpcStatus === undefined ? { httpStatus: abort?.httpStatus } : { grpcStatus }),
          },
        }),
  });
}

/** The configuration of the CORS filter for one route. */
export function corsConfig(cors: CorsPolicy): Any {
  const maxAgeMs = durationMs(cors.maxAge, undefined);
  return packAny(EnvoyCorsPolicy, {
    allowOriginStringMatch: (cors.allowOrigins ?? []).flatMap((origin) => stringMatcher(origin) ?? []),
    allowMethods: (cors.allowMethods ?? []).join(','),
    allowHeaders: (cors.allowHeaders ?? []).join(','),
    exposeHeaders: (cors.exposeHeaders ?? []).join(','),
    ...(maxAgeMs === undefined ? {} : { maxAge: String(Math.round(maxAgeMs / 1000)) }),
    ...(cors.allowCredentials === undefined ? {} : { allowCredentials: cors.allowCredentials }),
    filterEnabled: { defaultValue: { numerator: 100 } },
    forwardNotMatchingPreflights: cors.unmatchedPreflights !== 'IGNORE',
  });
}
