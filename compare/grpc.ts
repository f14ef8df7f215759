import { decode, encode, toJson, type MessageType } from '@lateen/protocol';
import { frame, frameType, headersFrame } from '@lateen/proxy/raw-http2';
import type { Reply } from './case.ts';
import type { Normalise, Observation } from './observe.ts';

const prefixBytes = 5;
const statusLine = [':status', '200'] as const;
const type = ['content-type', 'application/grpc'] as const;

/** An endpoint answers with this message, and OK. */
export function grpcReply<T>(message: MessageType<T>, value: T): Reply {
  const bytes = encode(message, value);
  const framed = Buffer.alloc(prefixBytes + bytes.length);
  framed.writeUInt32BE(bytes.length, 1);
  framed.set(bytes, prefixBytes);
  return {
    send: (id) => [
      headersFrame(id, [statusLine, type], false),
      frame(frameType.data, 0, id, framed),
      headersFrame(id, [['grpc-status', '0']]),
    ],
  };
}

/** An endpoint answers with this status of gRPC, and no message. */
export const grpcFailure = (status: number): Reply => ({
  send: (id) => [
    headersFrame(id, [statusLine, type, ['grpc-status', String(status)], ['grpc-message', 'no%20way']]),
  ],
});

/** Each field of a message as a value of its own; of ports and times, that they are there. */
export function observeMessage(
  into: Observation,
  prefix: string,
  message: MessageType<unknown>,
  framed: Buffer,
  normalise: Normalise,
): void {
  const decoded = decode(message, framed.subarray(prefixBytes));
  if (!decoded.ok) into.set(prefix, 'cannot be read');
  else observeFields(into, prefix, toJson(message, decoded.value), normalise);
}

function observeFields(into: Observation, path: string, value: unknown, normalise: Normalise): void {
  if (typeof value === 'object' && value !== null) {
    for (const [name, one] of Object.entries(value)) observeFields(into, `${path}.${name}`, one, normalise);
  } else {
    const isVolatile = /\.(?:portValue|time|duration)$/.test(path);
    into.set(path, isVolatile ? `<${typeof value}>` : normalise(String(value)));
  }
}
