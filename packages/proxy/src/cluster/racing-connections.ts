import type { Address } from '../model/address.ts';
import { type Expirable, type CoarseTimers, type Countdown } from '../timer/coarse-timers.ts';
import { Deadline } from '../timer/deadline.ts';
import type { PlainWire } from '../wire/plain-wire.ts';
import type { ConnectFailure, PendingConnection, PlainConnectListener } from './connector.ts';

/** How long an address is waited for before the next one is tried too (RFC 8305 section 8; Envoy). */
const nextAfterMs = 300;

/**
 * A connection to the first address that answers (happy eyeballs): each is tried when the one before has failed, or
 * has not answered for a while; all of them within the time for a connection.
 */
export class RacingConnections implements Expirable, PendingConnection {
  countdown: Countdown | undefined = undefined;
  readonly #addresses: readonly Address[];
  readonly #timers: CoarseTimers;
  readonly #start: (address: Address, listener: PlainConnectListener) => PendingConnection;
  readonly #next: Deadline;
  readonly #trying = new Set<PendingConnection>();
  #listener: PlainConnectListener | undefined;
  #tried = 0;

  /** `addresses` has at least one; `start` tries one of them, without a time of its own. */
  constructor(
    addresses: readonly Address[],
    timeoutMs: number,
    timers: CoarseTimers,
    listener: PlainConnectListener,
    start: (address: Address, listener: PlainConnectListener) => PendingConnection,
  ) {
    this.#addresses = addresses;
    this.#timers = timers;
    this.#listener = listener;
    this.#start = start;
    this.#next = new Deadline(() => this.#tryNext());
    if (timeoutMs > 0) timers.start(this, timeoutMs);
    this.#tryNext();
  }

  cancel(): void {
    this.#listener = undefined;
    this.#timers.stop(this);
    this.#timers.stop(this.#next);
    for (const one of this.#trying) one.cancel();
    this.#trying.clear();
  }

  onExpire(): void {
    const listener = this.#listener;
    this.cancel();
    listener?.onFailed('connect_timeout', '');
  }

  #tryNext(): void {
    const address = this.#addresses[this.#tried++];
    if (address === undefined) return;
    const trying = this.#start(address, {
      onConnected: (wire) => this.#onConnected(trying, wire),
      onFailed: (failure, detail) => this.#onFailed(trying, failure, detail),
    });
    this.#trying.add(trying);
    if (this.#tried < this.#addresses.length) this.#timers.start(this.#next, nextAfterMs);
  }

  #onConnected(trying: PendingConnection, wire: PlainWire): void {
    const listener = this.#listener;
    this.#trying.delete(trying);
    this.cancel();
    listener?.onConnected(wire);
  }

  #onFailed(trying: PendingConnection, failure: ConnectFailure, detail: string): void {
    this.#trying.delete(trying);
    if (this.#tried < this.#addresses.length) {
      this.#timers.stop(this.#next);
      this.#tryNext();
      return;
    }
    if (this.#trying.size > 0) return;
    const listener = this.#listener;
    this.cancel();
    listener?.onFailed(failure, detail);
  }
}
