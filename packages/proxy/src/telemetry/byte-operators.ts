import type { ByteMeter } from '../codec/byte-meter.ts';
import type { AccessLog } from '../model/access-log.ts';
import type { Operator } from './format-operator.ts';
import type { StreamInfo } from './stream-info.ts';

function of(side: 'downstreamBytes' | 'upstreamBytes', read: (bytes: ByteMeter) => number): Operator {
  return (info: StreamInfo) => {
    const bytes = info[side];
    return bytes === undefined ? undefined : read(bytes);
  };
}

/** What Envoy's operators say of bytes on the wire; those of requests are counted only where {@link asksBytes} is true. */
export const byteOperators: Readonly<Record<string, Operator>> = {
  DOWNSTREAM_WIRE_BYTES_RECEIVED: of('downstreamBytes', (bytes) => bytes.wireReceived),
  DOWNSTREAM_WIRE_BYTES_SENT: of('downstreamBytes', (bytes) => bytes.wireSent),
  DOWNSTREAM_HEADER_BYTES_RECEIVED: of('downstreamBytes', (bytes) => bytes.headerReceived),
  DOWNSTREAM_HEADER_BYTES_SENT: of('downstreamBytes', (bytes) => bytes.headerSent),
  UPSTREAM_WIRE_BYTES_RECEIVED: of('upstreamBytes', (bytes) => bytes.wireReceived),
  UPSTREAM_WIRE_BYTES_SENT: of('upstreamBytes', (bytes) => bytes.wireSent),
  UPSTREAM_HEADER_BYTES_RECEIVED: of('upstreamBytes', (bytes) => bytes.headerReceived),
  UPSTREAM_HEADER_BYTES_SENT: of('upstreamBytes', (bytes) => bytes.headerSent),
};

/** True where lines of a log tell bytes on the wire. A text that only looks so costs their count, and nothing else. */
export function asksBytes({ sink, format }: AccessLog): boolean {
  return sink.kind === 'grpc' || /STREAM_(?:WIRE|HEADER)_BYTES_/.test(JSON.stringify([sink, format]));
}
