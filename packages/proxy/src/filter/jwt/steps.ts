/**
 * Steps one after the other, each of which ends at once or later. A step that ends at once begins the next before it
 * has said how it is stopped: only the latest counts.
 */
export class Steps {
  #taken = 0;
  #stopLatest: () => void = () => {};

  /** Begins a step; `begin` answers with how it is stopped. */
  take(begin: () => () => void): void {
    const number = ++this.#taken;
    const stop = begin();
    if (number === this.#taken) this.#stopLatest = stop;
  }

  /** Nothing is heard of the step under way any more. */
  readonly stop = (): void => this.#stopLatest();
}
