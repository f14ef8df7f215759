import type { Wire } from '../../wire/wire.ts';
import type { PendingConnection } from '../connector.ts';
import type { Host } from '../host.ts';
import type { Probe, ProbeContext, ProbeResult } from './probe.ts';

/** A check over a connection of its own, which the next check may go on with. */
export abstract class ConnectionProbe implements Probe {
  readonly #host: Host;
  readonly #context: ProbeContext;
  #pending: PendingConnection | undefined;
  #wire: Wire | undefined;
  #done: ((result: ProbeResult) => void) | undefined;

  constructor(host: Host, context: ProbeContext) {
    this.#host = host;
    this.#context = context;
  }

  /** Says what comes first on a new connection. */
  protected abstract greet(wire: Wire): void;

  /** Begins a check; {@link finish} is to be called when it is over. */
  protected abstract begin(wire: Wire): void;

  protected abstract onBytes(buffer: Buffer, start: number, end: number): void;

  /** False between checks. */
  protected get isRunning(): boolean {
    return this.#done !== undefined;
  }

  run(done: (result: ProbeResult) => void): void {
    this.#done = done;
    if (this.#wire !== undefined) {
      this.begin(this.#wire);
      return;
    }
    this.#pending = this.#context.connector.connect(this.#host, {
      onConnected: (wire) => this.#connected(wire),
      onFailed: () => this.finish('network', false),
    });
  }

  cancel(): void {
    this.#done = undefined;
    this.#pending?.cancel();
    this.#pending = undefined;
    const wire = this.#wire;
    this.#wire = undefined;
    wire?.destroy();
  }

  close(): void {
    this.cancel();
  }

  #connected(wire: Wire): void {
    this.#pending = undefined;
    this.#wire = wire;
    // The end of a connection that was given up is no answer to the check after it.
    const lost = (): void => {
      if (this.#wire === wire) this.finish('network', false);
    };
    wire.handler = {
      onBytes: (buffer, start, end) => this.onBytes(buffer, start, end),
      onEnd: lost,
      onDrain() {},
      onClose: lost,
    };
    this.greet(wire);
    this.begin(wire);
  }

  /** Ends the check; `reusable`: the connection is in a state to be checked again. */
  protected finish(result: ProbeResult, reusable: boolean): void {
    const done = this.#done;
    this.#done = undefined;
    const keeps = reusable && this.#context.reuseConnection && result === 'success' && done !== undefined;
    if (!keeps) this.cancel();
    done?.(result);
  }
}
