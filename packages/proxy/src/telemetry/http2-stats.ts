import type { StatVisitor } from './stats-registry.ts';

/** Field of {@link Http2Stats} -> Envoy's name, below `http2.`; the last ones are ours. */
const counters = {
  rxReset: 'rx_reset',
  txReset: 'tx_reset',
  rxMessagingError: 'rx_messaging_error',
  headerOverflow: 'header_overflow',
  headerListSizeTooLarge: 'header_list_size_too_large',
  keepaliveTimeout: 'keepalive_timeout',
  refusedStreams: 'stream_refused_errors',
  goawaySent: 'goaway_sent',
  settingsFlood: 'inbound_settings_flood',
  pingFlood: 'inbound_ping_flood',
  priorityFlood: 'inbound_priority_frames_flood',
  windowUpdateFlood: 'inbound_window_update_frames_flood',
  emptyFramesFlood: 'inbound_empty_frames_flood',
  continuationFlood: 'inbound_continuation_frames_flood',
  resetFlood: 'inbound_reset_flood',
  outboundControlFlood: 'outbound_control_flood',
  protocolErrors: 'protocol_error',
} as const;

export type Http2Counter = keyof typeof counters;

/** What the HTTP/2 codec counts, of clients or of a cluster. */
export class Http2Stats {
  readonly n: Record<Http2Counter, number> = JSON.parse(
    JSON.stringify(Object.fromEntries(Object.keys(counters).map((name) => [name, 0]))),
  ) as Record<Http2Counter, number>;

  visit(visitor: StatVisitor): void {
    for (const [field, name] of Object.entries(counters)) {
      visitor.number(`http2.${name}`, 'counter', this.n[field as Http2Counter]);
    }
  }

  resetCounters(): void {
    for (const field of Object.keys(counters)) this.n[field as Http2Counter] = 0;
  }
}
