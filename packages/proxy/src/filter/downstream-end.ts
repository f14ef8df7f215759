import type { ResetReason } from '../codec/stream.ts';
import { flag } from '../telemetry/response-flags.ts';

/** What is recorded of a request whose client went away or broke the protocol. */
export interface DownstreamEnd {
  readonly bit: number;
  /** Envoy's response code details. */
  readonly details: string;
}

const gone: DownstreamEnd = {
  bit: flag.downstreamConnectionTermination,
  details: 'downstream_remote_disconnect',
};
const reset: DownstreamEnd = { bit: flag.downstreamRemoteReset, details: 'http2.remote_reset' };

export const downstreamEnds: Readonly<Record<ResetReason, DownstreamEnd>> = {
  connection_closed: gone,
  local_reset: gone,
  remote_reset: reset,
  refused: { ...reset, details: 'http2.remote_refuse' },
  protocol_error: { bit: flag.downstreamProtocolError, details: 'http2.violation.of.messaging.rule' },
};
