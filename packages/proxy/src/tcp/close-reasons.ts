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

/** Envoy says that of an endpoint's connection too where there is none, and where the client's has ended before. */
export const unremarkable: CloseInfo = { type: 'Normal', reason: '' };

export function closedByPeer(error: Error | undefined): CloseInfo {
  return { type: error === undefined ? 'Normal' : 'RemoteReset', reason: '' };
}
