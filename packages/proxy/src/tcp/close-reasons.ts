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

/** Why a connection to an endpoint is closed: by what has become of the client's. */
export const upstreamCloseReasons = {
  remote: 'closing_upstream_tcp_connection_due_to_downstream_remote_close',
  reset: 'closing_upstream_tcp_connection_due_to_downstream_reset_close',
} as const;

export function closedByPeer(error: Error | undefined): CloseInfo {
  return { type: error === undefined ? 'Normal' : 'RemoteReset', reason: '' };
}
