import type { HeaderBlock } from '../codec/header-block.ts';

/** How the wait for a whole body ended. */
export type BodyState = 'complete' | 'too_large';

/** What came of a request while filters were waiting. */
export class EarlyBody {
  readonly chunks: Buffer[] = [];
  bytes = 0;
  ended = false;
  trailers: HeaderBlock | undefined;
  /** Somebody who waits for all of it, and how much it may be. */
  #awaited: { readonly limitBytes: number; readonly run: (state: BodyState) => void } | undefined;

  /** Takes a copy; false where the client should wait until filters are done. */
  add(buffer: Uint8Array, start: number, end: number): boolean {
    this.chunks.push(Buffer.from(buffer.subarray(start, end)));
    this.bytes += end - start;
    const awaited = this.#awaited;
    if (awaited === undefined) return false;
    if (this.bytes <= awaited.limitBytes) return true;
    this.#awaited = undefined;
    awaited.run('too_large');
    return false;
  }

  end(trailers: HeaderBlock | undefined): void {
    this.ended = true;
    this.trailers = trailers;
    const awaited = this.#awaited;
    this.#awaited = undefined;
    awaited?.run('complete');
  }

  /** Calls `run` once when all of the body is here, or is too large; never at once. */
  await(limitBytes: number, run: (state: BodyState) => void): void {
    this.#awaited = { limitBytes, run };
  }
}
