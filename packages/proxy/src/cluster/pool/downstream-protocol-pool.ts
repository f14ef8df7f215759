import type { HttpPool, StreamWaiter } from './http-pool.ts';

/** Connections of two kinds: each request goes on as it came, by HTTP/1 or HTTP/2. */
export class DownstreamProtocolPool implements HttpPool {
  readonly #http1: HttpPool;
  readonly #http2: HttpPool;

  constructor(http1: HttpPool, http2: HttpPool) {
    this.#http1 = http1;
    this.#http2 = http2;
  }

  acquire(waiter: StreamWaiter, priority: 'default' | 'high', fresh: boolean): void {
    this.#poolOf(waiter).acquire(waiter, priority, fresh);
  }

  cancel(waiter: StreamWaiter): void {
    this.#poolOf(waiter).cancel(waiter);
  }

  get empty(): boolean {
    return this.#http1.empty && this.#http2.empty;
  }

  renew(): void {
    this.#http1.renew();
    this.#http2.renew();
  }

  drain(): void {
    this.#http1.drain();
    this.#http2.drain();
  }

  close(): void {
    this.#http1.close();
    this.#http2.close();
  }

  #poolOf(waiter: StreamWaiter): HttpPool {
    return waiter.requestVersion === 'HTTP/2' ? this.#http2 : this.#http1;
  }
}
