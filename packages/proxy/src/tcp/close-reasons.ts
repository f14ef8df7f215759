import type { CloseInfo } from '../telemetry/stream-info.ts';

/** Why a TCP proxy closes a connection by itself, as Envoy says it (`LocalCloseReasons`). */
export const closeReasons = {
  connectFailed: 'tcp_initializion_failure:0',
  noHealthyUpstream: 'tcp_initializion_failure:1',
  overflow: 'tcp_initializion_failure:2',
  noRoute: 'tcp_initializion_failure:3',
  idleTimeout: 'tcp_session_idle_timeout',
  maxDuration: 'max_connection_duration_reached',
} as const;

export type CloseReason = (typeof closeReasons)[keyof typeof closeReasons];

/** What Envoy says of an endpoint's connection where there is none, where it is a tunnel, or the client's has ended before. */
export const unremarkable: CloseInfo = { type: 'Normal', reason: '' };

export function closedByPeer(error: Error | undefined): CloseInfo {
  return { type: error === undefined ? 'Normal' : 'RemoteReset', reason: '' };
}
