import type { Host } from '../cluster/host.ts';
import { headerName, names } from '../codec/header-name.ts';
import type { RequestHead, ResponseHead } from '../codec/head.ts';
import { compileHeaderMatch, type RequestTest } from '../decide/header-match.ts';
import { hasValues, subsetNamespace } from '../decide/subset-criteria.ts';
import type { RetryPolicy } from '../model/route.ts';

/** How an attempt failed without an answer. */
export type AttemptFailure =
  | 'connect_failure'
  | 'refused'
  /** The connection was lost, or the stream reset, before an answer began. */
  | 'reset'
  | 'per_try_timeout';

const gatewayErrors = new Set([502, 503, 504]);
const grpcConditions: Readonly<Record<string, string>> = {
  cancelled: '1',
  'deadline-exceeded': '4',
  'resource-exhausted': '8',
  internal: '13',
  unavailable: '14',
};
const defaultRateLimitedMaxMs = 300_000;

/** A retry policy ready to be asked. */
export interface CompiledRetryPolicy {
  readonly model: RetryPolicy;
  /** True where requests like this one may be sent again at all. */
  allows(request: RequestHead): boolean;
  retriesStatus(response: ResponseHead): boolean;
  retriesFailure(failure: AttemptFailure, requestSent: boolean): boolean;
  /** True for a host that further tries leave out for what it is; undefined where none is. */
  readonly omits: ((host: Host) => boolean) | undefined;
  /** How long an endpoint that limits its rate asks to be left alone; undefined where it does not say. */
  resetAfterMs(response: ResponseHead, wallMs: number): number | undefined;
}

/** Compiles Envoy's conditions (`retry_on` and `x-envoy-retry-grpc-on` names alike). */
export function compileRetryPolicy(model: RetryPolicy): CompiledRetryPolicy {
  const on = new Set(model.retryOn);
  const statuses = new Set(on.has('retriable-status-codes') ? model.retriableStatusCodes : []);
  const grpc = new Set(
    Object.entries(grpcConditions)
      .filter(([condition]) => on.has(condition))
      .map(([, status]) => status),
  );
  const onRequest: RequestTest[] = model.retriableRequestHeaders.map(compileHeaderMatch);
  const responseTests = on.has('retriable-headers') ? model.retriableHeaders.map(compileHeaderMatch) : [];
  const any5xx = on.has('5xx');
  const gateway = on.has('gateway-error');
  const resets = any5xx || gateway || on.has('reset');
  return {
    model,
    omits: compileOmissions(model),
    resetAfterMs: compileResetHeaders(model),
    allows: (request) => onRequest.length === 0 || onRequest.some((test) => test(request)),
    retriesStatus(response) {
      const { status } = response;
      // A request that was limited is only tried again where that was asked for by name.
      if (response.headers.has(names.rateLimited)) return on.has('envoy-ratelimited');
      if (any5xx && status >= 500) return true;
      if (gateway && gatewayErrors.has(status)) return true;
      if (on.has('retriable-4xx') && status === 409) return true;
      if (statuses.has(status)) return true;
      if (grpc.size > 0) {
        const code = response.headers.get(names.grpcStatus);
        if (code !== undefined && grpc.has(code)) return true;
      }
      if (responseTests.length === 0) return false;
      const view = {
        method: '',
        scheme: '',
        authority: '',
        path: '',
        headers: response.headers,
      };
      return responseTests.some((test) => test(view));
    },
    retriesFailure(failure, requestSent) {
      switch (failure) {
        case 'connect_failure':
          return on.has('connect-failure') || resets || (on.has('reset-before-request') && !requestSent);
        case 'refused':
          return on.has('refused-stream') || resets;
        case 'reset':
          return resets || (on.has('reset-before-request') && !requestSent);
        default:
          return resets;
      }
    },
  };
}

function compileOmissions(model: RetryPolicy): CompiledRetryPolicy['omits'] {
  const { omitCanaryHosts, omitHostsWith = [] } = model;
  if (omitCanaryHosts !== true && omitHostsWith.length === 0) return undefined;
  return ({ endpoint }) => {
    const values = endpoint.metadata[subsetNamespace] ?? {};
    if (omitCanaryHosts === true && values['canary'] === true) return true;
    return omitHostsWith.some((metadata) => {
      const wanted = metadata[subsetNamespace] ?? {};
      return Object.keys(wanted).length > 0 && hasValues(values, wanted);
    });
  };
}

/** `retry-after: 5`, or `x-ratelimit-reset: 1767225600` (Envoy, `RateLimitedRetryBackOff`); the first that is sensible holds. */
function compileResetHeaders(model: RetryPolicy): CompiledRetryPolicy['resetAfterMs'] {
  const readers = model.rateLimitedResetHeaders.map(({ name, format }) => ({
    name: headerName(name),
    format,
  }));
  const maxMs = model.rateLimitedMaxMs ?? defaultRateLimitedMaxMs;
  return (response, wallMs) => {
    for (const { name, format } of readers) {
      const text = response.headers.get(name);
      if (text === undefined || !/^\d{1,15}$/.test(text)) continue;
      const ms = Number(text) * 1_000 - (format === 'unix' ? wallMs : 0);
      if (ms > 0 && ms <= maxMs) return ms;
    }
    return undefined;
  };
}
