/** Numbers of connections, of clients and to endpoints, each given once in the process: every thread has its own among them. */
export class ConnectionIds {
  #last: number;
  readonly #step: number;

  constructor({ index, threads }: { readonly index: number; readonly threads: number } = onlyThread) {
    this.#last = index + 1 - threads;
    this.#step = threads;
  }

  next(): number {
    return (this.#last += this.#step);
  }
}

const onlyThread = { index: 0, threads: 1 };
