import { NumberMap } from '@lateen/core';
import { connectionEnd } from '../../codec/connection-end.ts';
import type { ClusterStats } from '../../telemetry/cluster-stats.ts';
import type { Wire } from '../../wire/wire.ts';
import type { Breakers } from '../breakers.ts';
import type { ConnectFailure, Connector, PendingConnection } from '../connector.ts';
import type { Host } from '../host.ts';
import type { StreamQueue } from './stream-queue.ts';

/** What making connections needs from the cluster. */
export interface OpeningContext {
  readonly connector: Connector;
  readonly stats: ClusterStats;
}

/** The connections to one host that are being made; they count from their beginning. */
export class OpeningConnections {
  readonly #host: Host;
  readonly #context: OpeningContext;
  readonly #counter: 'upstreamCxHttp1Total' | 'upstreamCxHttp2Total';
  readonly #queue: StreamQueue;
  readonly #onConnected: (wire: Wire, breakers: Breakers) => void;
  /** By numbers that go up. */
  #opening = new NumberMap<{ readonly pending: PendingConnection; readonly breakers: Breakers }>();
  #last = 0;

  /** `queue`: who waits for them. */
  constructor(
    host: Host,
    context: OpeningContext,
    counter: 'upstreamCxHttp1Total' | 'upstreamCxHttp2Total',
    queue: StreamQueue,
    onConnected: (wire: Wire, breakers: Breakers) => void,
  ) {
    this.#host = host;
    this.#context = context;
    this.#counter = counter;
    this.#queue = queue;
    this.#onConnected = onConnected;
  }

  get size(): number {
    return this.#opening.size;
  }

  /** Makes one that counts against these limits, whatever they say. */
  open(breakers: Breakers): void {
    const { stats, connector } = this.#context;
    breakers.countConnection(1);
    stats.n.upstreamCxTotal++;
    stats.n[this.#counter]++;
    stats.n.upstreamCxActive++;
    this.#host.cxTotal++;
    this.#host.countConnection(1);
    const id = ++this.#last;
    const pending = connector.connect(this.#host, {
      onConnected: (wire) => {
        this.#opening.delete(id);
        this.#onConnected(wire, breakers);
      },
      onFailed: (failure, detail) => {
        this.#opening.delete(id);
        this.#failed(breakers, failure, detail);
      },
    });
    this.#opening.set(id, { pending, breakers });
  }

  /** Gives all of them up, and tells those who wait. */
  close(): void {
    for (const { pending, breakers } of this.#opening.values()) {
      pending.cancel();
      this.#context.stats.countClosed(connectionEnd(false, false));
      this.#uncount(breakers);
    }
    this.#opening = new NumberMap();
    this.#queue.fail('connection_failure', '');
  }

  #failed(breakers: Breakers, failure: ConnectFailure, detail: string): void {
    this.#context.stats.countConnectFailure(failure === 'connect_timeout', this.#queue.length);
    this.#uncount(breakers);
    this.#host.cxConnectFail++;
    // As Envoy: who waits is told at once, and may try another host.
    this.#queue.fail(failure, detail);
  }

  #uncount(breakers: Breakers): void {
    breakers.countConnection(-1);
    this.#host.countConnection(-1);
  }
}
