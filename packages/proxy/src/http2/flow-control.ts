import { defaultMaxFrameBytes, defaultWindowBytes, frameHeaderBytes, maxWindowBytes } from './frame.ts';
import type { FrameWriter } from './frame-writer.ts';
import type { Http2Stream } from './stream.ts';

/** The windows of a connection as a whole (RFC 9113 section 5.2), and the streams that wait for room to send. */
export class FlowControl {
  readonly #writer: FrameWriter;
  /** Gone when nobody waits: a set that lives long keeps much of what was in it (NumberMap of core). */
  #waiting: Set<Http2Stream> | undefined;
  readonly #ownBytes: number;
  #send = defaultWindowBytes;
  #receive: number;
  #givenBack = 0;

  /** `ownBytes`: what the peer may send before we have taken it; never less than the protocol's 64 KiB. */
  constructor(writer: FrameWriter, ownBytes: number) {
    this.#writer = writer;
    this.#ownBytes = Math.max(ownBytes, defaultWindowBytes);
    this.#receive = this.#ownBytes;
  }

  /** Tells the peer how much it may send at the start. */
  open(): void {
    const more = this.#ownBytes - defaultWindowBytes;
    if (more > 0) this.#writer.windowUpdate(0, more);
  }

  /** The peer has sent data; false where that was more than it may. */
  receive(bytes: number): boolean {
    this.#receive -= bytes;
    return this.#receive >= 0;
  }

  /** Data is in other hands; returns by how much the peer's window is to be opened now, mostly 0. */
  giveBack(bytes: number): number {
    this.#givenBack += bytes;
    if (this.#givenBack < this.#ownBytes >> 1) return 0;
    const more = this.#givenBack;
    this.#givenBack = 0;
    this.#receive += more;
    return more;
  }

  /** The peer lets us send more; false where that is more than the protocol knows. */
  grow(bytes: number): boolean {
    this.#send += bytes;
    if (this.#send > maxWindowBytes) return false;
    this.flushWaiting();
    return true;
  }

  /** Sends as much as the windows allow; says how much. */
  send(stream: Http2Stream, buffer: Uint8Array, start: number, end: number): number {
    let at = start;
    while (at < end) {
      const length = Math.min(end - at, stream.sendWindow, this.#send, defaultMaxFrameBytes);
      if (length <= 0) break;
      this.#writer.data(stream.id, buffer, at, at + length);
      if (stream.meter !== undefined) stream.meter.sentFrame(length + frameHeaderBytes);
      stream.sendWindow -= length;
      this.#send -= length;
      at += length;
    }
    return at - start;
  }

  wait(stream: Http2Stream): void {
    (this.#waiting ??= new Set()).add(stream);
  }

  forget(stream: Http2Stream): void {
    const waiting = this.#waiting;
    if (waiting?.delete(stream) === true && waiting.size === 0) this.#waiting = undefined;
  }

  /** Lets each stream that waits send what fits; who is not done goes to the end of the line. */
  flushWaiting(): void {
    let left = this.#waiting?.size ?? 0;
    for (const stream of this.#waiting ?? []) {
      if (left-- === 0 || this.#send <= 0) return;
      this.forget(stream);
      if (!stream.flush()) this.wait(stream);
    }
  }
}
