import { GrpcError } from './status.ts';

/** Default for the largest message that is accepted. */
export const defaultMaxMessageBytes = 64 * 1024 * 1024;

/** Chunks below this are put together into one; larger ones are passed on without copying. */
const copyBelowBytes = 1024;

/** The chunks of one gRPC message: its five-byte prefix and the parts, large ones by reference. */
export function frame(parts: readonly Uint8Array[]): Uint8Array[] {
  let length = 0;
  for (const part of parts) length += part.length;
  const chunks: Uint8Array[] = [];
  let small: Uint8Array[] = [prefix(length)];
  for (const part of parts) {
    if (part.length < copyBelowBytes) {
      small.push(part);
      continue;
    }
    chunks.push(joined(small), part);
    small = [];
  }
  chunks.push(joined(small));
  return chunks.filter((chunk) => chunk.length > 0);
}

function prefix(length: number): Uint8Array {
  const head = Buffer.allocUnsafe(5);
  head[0] = 0;
  head.writeUInt32BE(length, 1);
  return head;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts);
}

/** Cuts a byte stream into gRPC messages. */
export class FrameReader {
  readonly #maxBytes: number;
  readonly #onMessage: (bytes: Uint8Array) => void;
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Length of the message whose prefix was read, or -1. */
  #pending = -1;

  constructor(maxBytes: number, onMessage: (bytes: Uint8Array) => void) {
    this.#maxBytes = maxBytes;
    this.#onMessage = onMessage;
  }

  /** True between two messages: where a stream may end. */
  get atBoundary(): boolean {
    return this.#buffered === 0 && this.#pending === -1;
  }

  /** Takes the next bytes; throws a {@link GrpcError} on a compressed or too large message. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    for (;;) {
      if (this.#pending === -1) {
        if (this.#buffered < 5) return;
        const head = this.#take(5);
        if (head[0] !== 0) throw new GrpcError('UNIMPLEMENTED', 'compressed messages are not supported');
        this.#pending = head.readUInt32BE(1);
        if (this.#pending > this.#maxBytes) {
          throw new GrpcError(
            'RESOURCE_EXHAUSTED',
            `message of ${this.#pending} bytes is larger than the limit of ${this.#maxBytes}`,
          );
        }
      }
      if (this.#buffered < this.#pending) return;
      const message = this.#take(this.#pending);
      this.#pending = -1;
      this.#onMessage(message);
    }
  }

  #take(count: number): Buffer {
    const [first] = this.#chunks;
    if (first !== undefined && first.length >= count) {
      this.#buffered -= count;
      if (first.length === count) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(count);
      return first.subarray(0, count);
    }
    if (count === 0) return Buffer.alloc(0);
    // Joined once, when the whole message is there.
    const all = Buffer.concat(this.#chunks, this.#buffered);
    this.#buffered -= count;
    this.#chunks = this.#buffered === 0 ? [] : [all.subarray(count)];
    return all.subarray(0, count);
  }
}
