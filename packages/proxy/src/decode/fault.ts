import * as faultCommon from '@lateen/protocol/envoy/extensions/filters/common/fault/v3';
import * as fault from '@lateen/protocol/envoy/extensions/filters/http/fault/v3';
import type { FaultPolicy } from '../model/index.ts';
import { decodeFraction } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderMatch } from './headers.ts';
import type { Scope } from './scope.ts';

const faultPolicyPolicy = fieldPolicy(
  fault.HTTPFault,
  [
    'delay',
    'abort',
    'upstreamCluster',
    'headers',
    'maxActiveFaults',
    'downstreamNodes',
    'responseRateLimit',
    'delayPercentRuntime',
    'abortPercentRuntime',
    'delayDurationRuntime',
    'abortHttpStatusRuntime',
    'maxActiveFaultsRuntime',
    'responseRateLimitPercentRuntime',
    'abortGrpcStatusRuntime',
  ],
  {
    disableDownstreamClusterStats: 'adds statistics only',
    filterMetadata: 'nothing of this proxy reads it',
  },
);
const delayPolicy = fieldPolicy(faultCommon.FaultDelay, ['fixedDelay', 'headerDelay', 'percentage']);
const abortPolicy = fieldPolicy(fault.FaultAbort, ['httpStatus', 'grpcStatus', 'headerAbort', 'percentage']);
const ratePolicy = fieldPolicy(faultCommon.FaultRateLimit, ['fixedLimit', 'headerLimit', 'percentage']);

export const faultPolicies = [faultPolicyPolicy, delayPolicy, abortPolicy, ratePolicy];

/** What is done to a share of the requests. */
export function decodeFault(scope: Scope, message: fault.HTTPFault): FaultPolicy {
  scope.check(faultPolicyPolicy, message);
  const delay =
    message.delay === undefined ? undefined : decodeDelay(scope.at('delay'), message.delay, message);
  const abort =
    message.abort === undefined ? undefined : decodeAbort(scope.at('abort'), message.abort, message);
  const policy: FaultPolicy = {
    ...(delay === undefined ? {} : { delay }),
    ...(abort === undefined ? {} : { abort }),
    headers: (message.headers ?? []).map((header, i) => decodeHeaderMatch(scope.at('headers').at(i), header)),
    upstreamCluster: message.upstreamCluster ?? '',
    ...(message.downstreamNodes === undefined ? {} : { downstreamNodes: message.downstreamNodes }),
    ...(message.responseRateLimit === undefined
      ? {}
      : { rate: decodeRate(scope.at('responseRateLimit'), message.responseRateLimit, message) }),
  };
  const { maxActiveFaults, maxActiveFaultsRuntime } = message;
  if (maxActiveFaults === undefined && maxActiveFaultsRuntime === undefined) return policy;
  const key = maxActiveFaultsRuntime ?? 'fault.http.max_active_faults';
  return liveNumber(scope, 'maxActiveFaults', maxActiveFaults ?? unlimited, policy, key);
}

function decodeDelay(
  scope: Scope,
  message: faultCommon.FaultDelay,
  { delayPercentRuntime, delayDurationRuntime }: fault.HTTPFault,
): NonNullable<FaultPolicy['delay']> {
  scope.check(delayPolicy, message);
  const fraction = scope.live(
    decodeFraction(scope.at('percentage'), message.percentage),
    delayPercentRuntime ?? 'fault.http.delay.fixed_delay_percent',
  );
  if (message.headerDelay !== undefined) return { fromHeader: true, fraction };
  const fixedMs = message.fixedDelay ?? 0;
  if (fixedMs <= 0) scope.at('fixedDelay').fail('must be more than 0s');
  return liveNumber(
    scope,
    'fixedMs',
    fixedMs,
    { fraction },
    delayDurationRuntime ?? 'fault.http.delay.fixed_duration_ms',
  );
}

function decodeAbort(
  scope: Scope,
  message: fault.FaultAbort,
  { abortPercentRuntime, abortHttpStatusRuntime, abortGrpcStatusRuntime }: fault.HTTPFault,
): NonNullable<FaultPolicy['abort']> {
  scope.check(abortPolicy, message);
  const fraction = scope.live(
    decodeFraction(scope.at('percentage'), message.percentage),
    abortPercentRuntime ?? 'fault.http.abort.abort_percent',
  );
  if (message.headerAbort !== undefined) return { kind: 'header', fraction };
  if (message.grpcStatus !== undefined) {
    const key = abortGrpcStatusRuntime ?? 'fault.http.abort.grpc_status';
    return liveNumber(scope, 'status', message.grpcStatus, { kind: 'grpc', fraction } as const, key);
  }
  const status = message.httpStatus ?? 0;
  if (status < 200 || status > 599) scope.at('httpStatus').fail(`${status} is not a status from 200 to 599`);
  const key = abortHttpStatusRuntime ?? 'fault.http.abort.http_status';
  return liveNumber(scope, 'status', status, { kind: 'http', fraction } as const, key);
}

function decodeRate(
  scope: Scope,
  message: faultCommon.FaultRateLimit,
  { responseRateLimitPercentRuntime }: fault.HTTPFault,
): NonNullable<FaultPolicy['rate']> {
  scope.check(ratePolicy, message);
  const fraction = scope.live(
    decodeFraction(scope.at('percentage'), message.percentage),
    responseRateLimitPercentRuntime ?? 'fault.http.rate_limit.response_percent',
  );
  if (message.headerLimit !== undefined) return { fraction };
  const kibPerSecond = message.fixedLimit?.limitKbps ?? 0;
  if (kibPerSecond < 1) scope.at('fixedLimit').at('limitKbps').fail('must be at least 1');
  return { kibPerSecond, fraction };
}

/** No limit, as Envoy has it where neither field nor key is set. */
const unlimited = 0xffff_ffff;

/** An object whose one number follows a key of the runtime. */
function liveNumber<K extends string, R extends object>(
  scope: Scope,
  field: K,
  fallback: number,
  rest: R,
  key: string,
): R & { readonly [key in K]: number } {
  const cell = scope.runtime?.cell(key);
  const result = { ...rest } as R & { [key in K]: number };
  if (cell === undefined) Object.assign(result, { [field]: fallback });
  else {
    Object.defineProperty(result, field, { enumerable: true, get: () => cell.entry?.number ?? fallback });
  }
  return result;
}
