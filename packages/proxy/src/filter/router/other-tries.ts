import type { HeaderBlock } from '../../codec/header-block.ts';
import type { RequestTiming } from '../../route/request-timing.ts';
import type { Attempt } from '../../attempt/attempt.ts';

/** Tries of a request that are under way besides the latest, where its tries are hedged. */
export class OtherTries {
  #tries: Attempt[] = [];

  add(attempt: Attempt): void {
    this.#tries.push(attempt);
  }

  /** True where one of them may still answer. */
  areUnderWay(): boolean {
    this.#tries = this.#tries.filter((one) => !one.over);
    return this.#tries.length > 0;
  }

  remove(attempt: Attempt): void {
    this.#tries = this.#tries.filter((one) => one !== attempt);
  }

  /** The latest of them, which is none of them any more. */
  takeLatest(): Attempt | undefined {
    return this.#tries.pop();
  }

  /** `lossy`: what came before is not kept, so that a try that has no connection yet cannot have it. */
  sendData(buffer: Buffer, start: number, end: number, lossy: boolean): void {
    for (const one of this.#tries) {
      if (one.ready) one.sendData(buffer, start, end);
      else if (lossy) one.abort();
    }
  }

  sendEnd(trailers: HeaderBlock | undefined, timing: RequestTiming): void {
    for (const one of this.#tries) {
      if (one.ready && !one.over) one.sendEnd(trailers);
      one.startTimers(timing);
    }
  }

  /** Gives all up but this one. */
  abort(but?: Attempt): void {
    for (const one of this.#tries) if (one !== but) one.abort();
  }
}
