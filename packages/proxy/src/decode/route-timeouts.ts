import type { RouteAction } from '@lateen/protocol/envoy/config/route/v3';
import type { ForwardAction } from '../model/index.ts';

/** How long a request may take, by its route. */
export function decodeRouteTimeouts(
  message: RouteAction,
): Pick<
  ForwardAction,
  | 'timeoutMs'
  | 'idleTimeoutMs'
  | 'maxStreamDurationMs'
  | 'grpcTimeoutHeaderMaxMs'
  | 'grpcTimeoutHeaderOffsetMs'
  | 'maxGrpcTimeoutMs'
  | 'grpcTimeoutOffsetMs'
> {
  const duration = message.maxStreamDuration;
  return {
    // Where max_stream_duration is set, the time until the answer is not limited by default (Envoy, FilterUtility).
    timeoutMs: duration === undefined ? (message.timeout ?? 15_000) : 0,
    ...defined('idleTimeoutMs', message.idleTimeout),
    ...defined('maxStreamDurationMs', duration?.maxStreamDuration),
    ...defined('grpcTimeoutHeaderMaxMs', duration?.grpcTimeoutHeaderMax),
    ...defined('grpcTimeoutHeaderOffsetMs', duration?.grpcTimeoutHeaderOffset),
    ...(duration === undefined ? defined('maxGrpcTimeoutMs', message.maxGrpcTimeout) : {}),
    ...defined('grpcTimeoutOffsetMs', message.grpcTimeoutOffset),
  };
}

function defined<K extends string>(key: K, value: number | undefined): { [key in K]?: number } {
  return value === undefined ? {} : ({ [key]: value } as { [key in K]?: number });
}
