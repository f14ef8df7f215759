import { names } from '../codec/header-name.ts';
import type { RequestHead, ResponseHead } from '../codec/head.ts';
import { compileHeaderMatch, type RequestTest } from '../decide/header-match.ts';
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

/** A retry policy ready to be asked. */
export interface CompiledRetryPolicy {
  readonly model: RetryPolicy;
  /** True where requests like this one may be sent again at all. */
  allows(request: RequestHead): boolean;
  retriesStatus(response: ResponseHead): boolean;
  retriesFailure(failure: AttemptFailure, requestSent: boolean): boolean;
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
    allows: (request) => onRequest.length === 0 || onRequest.some((test) => test(request)),
    retriesStatus(response) {
      const { status } = response;
      if (any5xx && status >= 500) return true;
      if (gateway && gatewayErrors.has(status)) return true;
      if (on.has('retriable-4xx') && status === 409) return true;
      if (statuses.has(status)) return true;
      if (grpc.size > 0) {
        const code = response.headers.get(names.grpcStatus);
        if (code !== undefined && grpc.has(code)) return true;
      }
      if (responseTests.length === 0) return false;
      const view = { method: '', scheme: '', authority: '', path: '', headers: response.headers };
      return responseTests.some((test) => test(view));
    },
    retriesFailure(failure, requestSent) {
      switch (failure) {
        case 'connect_failure':
          return on.has('connect-failure') || resets || (on.has('reset-before-request') && !requestSent);
        case 'refused':
          return on.has('refused-stream') || any5xx || on.has('reset');
        case 'reset':
          return resets || (on.has('reset-before-request') && !requestSent);
        default:
          return any5xx || gateway || on.has('reset');
      }
    },
  };
}
