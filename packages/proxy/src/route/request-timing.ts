import type { RequestHead } from '../codec/head.ts';
import { names } from '../codec/header-name.ts';
import { isGrpc, parseGrpcTimeout } from '../codec/grpc-timeout.ts';
import type { ForwardAction, RetryPolicy } from '../model/route.ts';

/** How long a request and each try of it may take; 0: no limit. */
export interface RequestTiming {
  readonly globalMs: number;
  readonly perTryMs: number;
  readonly perTryIdleMs: number;
  /** A try that takes too long goes on beside the next. */
  readonly hedge: boolean;
}

/** The timing by configuration alone. */
export function timingOf(
  action: ForwardAction,
  retry: RetryPolicy | undefined,
  hedge: boolean,
): RequestTiming {
  return limited({
    globalMs: action.timeoutMs,
    perTryMs: retry?.perTryTimeoutMs ?? 0,
    perTryIdleMs: retry?.perTryIdleTimeoutMs ?? 0,
    hedge,
  });
}

/** The time that endpoints are told; 0: none. */
export function expectedMs(timing: RequestTiming): number {
  return timing.perTryMs > 0 && !timing.hedge ? timing.perTryMs : timing.globalMs;
}

/** `max_grpc_timeout` of a route, and what is taken off. */
export interface GrpcLimit {
  readonly maxMs: number;
  readonly offsetMs: number;
}

export function grpcLimitOf({
  maxGrpcTimeoutMs: maxMs,
  grpcTimeoutOffsetMs: offsetMs = 0,
}: ForwardAction): GrpcLimit | undefined {
  return maxMs === undefined ? undefined : { maxMs, offsetMs };
}

/** The global limit of a gRPC request; undefined for other requests. */
export function grpcGlobalMs(head: RequestHead, { maxMs, offsetMs }: GrpcLimit): number | undefined {
  if (!isGrpc(head.headers)) return undefined;
  return cappedGrpcMs(head, maxMs, offsetMs) ?? maxMs;
}

/** What `grpc-timeout` asks for, less an offset, at most `maxMs` (0: no cap); undefined where it is not there. */
export function cappedGrpcMs(head: RequestHead, maxMs: number, offsetMs: number): number | undefined {
  let ms = parseGrpcTimeout(head.headers.get(names.grpcTimeout));
  if (ms === undefined) return undefined;
  if (offsetMs < ms) ms -= offsetMs;
  return maxMs > 0 && (ms === 0 || ms > maxMs) ? maxMs : ms;
}

function milliseconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : undefined;
}

/** What the headers of a client of the mesh change (`x-envoy-upstream-rq-timeout-ms` and its like); they are taken off. */
export function timingFromHeaders(
  head: RequestHead,
  base: RequestTiming,
  respectExpected: boolean,
): RequestTiming {
  const { headers } = head;
  const take = (name: (typeof names)[keyof typeof names]): string | undefined => {
    const value = headers.get(name);
    if (value !== undefined) headers.remove(name);
    return value;
  };
  const expected = respectExpected ? milliseconds(headers.get(names.expectedTimeout)) : undefined;
  const asked = milliseconds(take(names.upstreamTimeout));
  const hedge = take(names.hedgeOnPerTryTimeout);
  return limited({
    globalMs: expected ?? asked ?? base.globalMs,
    perTryMs: milliseconds(take(names.perTryTimeout)) ?? base.perTryMs,
    perTryIdleMs: base.perTryIdleMs,
    hedge: hedge === 'true' ? true : hedge === 'false' ? false : base.hedge,
  });
}

/** A limit for a try that is no shorter than that for all of them is none. */
function limited(timing: RequestTiming): RequestTiming {
  const { globalMs, perTryMs } = timing;
  return globalMs > 0 && perTryMs >= globalMs ? { ...timing, perTryMs: 0 } : timing;
}
