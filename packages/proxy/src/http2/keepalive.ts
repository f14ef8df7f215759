import { Deadline } from '../timer/deadline.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import type { Http2Context } from './connection-options.ts';

/** How a connection is asked whether it still lives (Envoy, `connection_keepalive`). */
export interface KeepaliveOptions {
  /** Between two PINGs; 0: only where the connection was idle. */
  readonly intervalMs: number;
  /** How long an answer may take. */
  readonly timeoutMs: number;
  /** Share of the interval, in per cent, by which it is lengthened at random. */
  readonly jitterPercent: number;
  /** A stream that begins after so long a silence is preceded by a PING; 0: none is. */
  readonly idleIntervalMs: number;
}

/** What is asked for. */
export interface KeptConnection {
  ping(): void;
  /** An answer did not come in time. */
  onDead(): void;
}

/** Sends PINGs on one connection, and ends it where one is not answered. */
export class Keepalive {
  readonly #options: KeepaliveOptions;
  readonly #timers: CoarseTimers;
  readonly #connection: KeptConnection;
  readonly #next: Deadline;
  readonly #answer: Deadline;
  #waits = false;
  /** When the peer was heard of last. */
  #heardMs: number;

  constructor(options: KeepaliveOptions, { timers, turn }: Http2Context, connection: KeptConnection) {
    this.#options = options;
    this.#timers = timers;
    this.#connection = connection;
    this.#heardMs = turn.nowMs;
    this.#next = new Deadline(() => this.#send());
    this.#answer = new Deadline(() => connection.onDead());
    this.#schedule();
  }

  /** The peer has sent something. */
  onBytes(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  /** A stream begins. */
  onStream(nowMs: number): void {
    const { idleIntervalMs } = this.#options;
    if (idleIntervalMs > 0 && nowMs - this.#heardMs >= idleIntervalMs) this.#send();
  }

  onAck(): void {
    if (!this.#waits) return;
    this.#waits = false;
    this.#timers.stop(this.#answer);
    this.#schedule();
  }

  stop(): void {
    this.#timers.stop(this.#next);
    this.#timers.stop(this.#answer);
  }

  #schedule(): void {
    const { intervalMs, jitterPercent } = this.#options;
    if (intervalMs === 0) return;
    // A few lengths only: each length of a deadline has a list of its own.
    const steps = Math.round(Math.random() * 4) / 4;
    this.#timers.start(this.#next, intervalMs * (1 + (steps * jitterPercent) / 100));
  }

  #send(): void {
    if (this.#waits) return;
    this.#waits = true;
    this.#timers.stop(this.#next);
    this.#connection.ping();
    this.#timers.start(this.#answer, this.#options.timeoutMs);
  }
}
