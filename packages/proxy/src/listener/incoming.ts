import type { SocketAddress } from '../model/address.ts';
import type { ListenerStats } from '../telemetry/listener-stats.ts';
import { Expirable, type CoarseTimers } from '../timer/coarse-timers.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import type { CompiledListener, ServedConnection } from './compiled-listener.ts';
import { inspect, notInspected, type InspectionWish, type Inspected } from './inspection.ts';

/** What is known of a connection when it was accepted. */
export interface Accepted {
  readonly id: number;
  readonly remote: SocketAddress;
  /** Where the client wanted to go. */
  readonly local: SocketAddress;
  readonly originalDestination: SocketAddress | undefined;
}

/** A connection from its acceptance to the filter chain that serves it. */
export class Incoming extends Expirable implements WireHandler {
  readonly #listener: CompiledListener;
  readonly #wire: Wire;
  readonly #accepted: Accepted;
  readonly #stats: ListenerStats;
  readonly #timers: CoarseTimers;
  readonly #onClosed: () => void;
  #wish: InspectionWish | undefined;
  #bytes: Buffer | undefined;
  #ended = false;
  #closed = false;
  #served: ServedConnection | undefined;

  constructor(
    listener: CompiledListener,
    wire: Wire,
    accepted: Accepted,
    stats: ListenerStats,
    timers: CoarseTimers,
    onClosed: () => void,
  ) {
    super();
    this.#listener = listener;
    this.#wire = wire;
    this.#accepted = accepted;
    this.#stats = stats;
    this.#timers = timers;
    this.#onClosed = onClosed;
    wire.handler = this;
  }

  /** Looks at the first bytes where the listener asks for it, else serves at once. */
  start(): void {
    this.#wish = this.#listener.inspects(this.#accepted.local.port);
    if (this.#wish === undefined) {
      this.#serve(notInspected);
      return;
    }
    const timeoutMs = this.#listener.model.listenerFiltersTimeoutMs;
    if (timeoutMs > 0) this.#timers.start(this, timeoutMs);
  }

  drain(): void {
    if (this.#served !== undefined) this.#served.drain();
    else this.close();
  }

  close(): void {
    this.#wire.destroy();
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    const fresh = Buffer.from(buffer.subarray(start, end));
    this.#bytes = this.#bytes === undefined ? fresh : Buffer.concat([this.#bytes, fresh]);
    const seen = inspect(this.#bytes, this.#wish as InspectionWish);
    if (seen !== undefined) this.#serve(seen);
  }

  onEnd(): void {
    this.#ended = true;
    this.#serve(notInspected);
  }

  onDrain(): void {}

  onClose(): void {
    this.#timers.stop(this);
    this.#closeOnce();
  }

  /** The first bytes did not come in time. */
  onExpire(): void {
    this.#stats.preCxTimeout++;
    if (this.#listener.model.continueOnListenerFiltersTimeout) this.#serve(notInspected);
    else this.#wire.destroy();
  }

  #closeOnce(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClosed();
  }

  #serve(seen: Inspected): void {
    this.#timers.stop(this);
    const { id, remote, local, originalDestination } = this.#accepted;
    const serve = this.#listener.chainFor({
      destination: local,
      source: remote,
      directSource: remote,
      ...seen,
    });
    if (serve === undefined) {
      this.#stats.noFilterChainMatch++;
      this.#wire.destroy();
      return;
    }
    const info = {
      id,
      remote,
      directRemote: remote,
      local,
      originalDestination,
      tls: undefined,
      serverName: seen.serverName,
    };
    this.#served = serve(this.#wire, info, () => this.#closeOnce());
    const bytes = this.#bytes;
    this.#bytes = undefined;
    if (bytes !== undefined) this.#wire.handler.onBytes(bytes, 0, bytes.length);
    if (this.#ended) this.#wire.handler.onEnd();
  }
}
