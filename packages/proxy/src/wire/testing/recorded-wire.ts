import { ByteCounter, ConnectionBytes } from '../byte-counter.ts';
import { deafHandler } from '../deaf-handler.ts';
import type { Wire, WireHandler } from '../wire.ts';

/** A wire without a socket, for tests of codecs: what is written is kept, what the peer sends is given by hand. */
export class RecordedWire implements Wire {
  handler: WireHandler = deafHandler;
  bytes: ByteCounter = new ByteCounter();
  output: Buffer = Buffer.alloc(1024);
  readonly #sent: Buffer[] = [];
  #claimed = 0;
  ended = false;
  closed = false;
  paused = false;
  writable = true;
  pendingBytes = 0;
  readonly remoteAddress = '192.0.2.1';
  readonly remotePort = 1;
  readonly localPort = 2;
  readonly times = undefined;
  readonly tls = undefined;

  countInto(counter: ByteCounter): void {
    this.bytes = counter;
  }

  countAlone(): ByteCounter {
    return (this.bytes = new ConnectionBytes(this.bytes));
  }

  /** As with sockets, nobody can be asked for it after the end. */
  get localAddress(): string {
    return this.closed ? '' : '192.0.2.2';
  }

  get writtenBytes(): number {
    return Buffer.concat(this.#sent).length;
  }

  /** Everything that was written, as text. */
  get sent(): string {
    return Buffer.concat(this.#sent).toString('latin1');
  }

  /** Lets bytes arrive, cut at the given offsets; each piece in memory that is overwritten afterwards. */
  receive(text: string, cuts: readonly number[] = []): void {
    const bytes = Buffer.from(text, 'latin1');
    let from = 0;
    for (const cut of [...cuts, bytes.length]) {
      if (cut <= from) continue;
      const piece = Buffer.from(bytes.subarray(from, cut));
      this.handler.onBytes(piece, 0, piece.length);
      piece.fill(0xee);
      from = cut;
    }
  }

  claim(bytes: number): number {
    if (this.output.length < bytes) this.output = Buffer.alloc(bytes);
    this.#claimed = 0;
    return 0;
  }

  commit(end: number): void {
    this.#sent.push(Buffer.from(this.output.subarray(this.#claimed, end)));
    this.#claimed = end;
  }

  write(buffer: Uint8Array, start: number, end: number): void {
    this.#sent.push(Buffer.from(buffer.subarray(start, end)));
  }

  end(): void {
    this.ended = true;
  }

  destroy(): void {
    if (this.closed) return;
    this.closed = true;
    const { handler } = this;
    this.handler = deafHandler;
    handler.onClose(undefined);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }
}
