import type { Turn } from '../../wire/turn.ts';
import type { Wire } from '../../wire/wire.ts';
import type { ConnectListener, Connector, PendingConnection } from '../connector.ts';
import type { Host } from '../host.ts';
import type { PoolContext } from './http1-pool.ts';
import type { HttpPool, StreamWaiter } from './http-pool.ts';
import { StreamQueue } from './stream-queue.ts';

type AnyTurn = Pick<Turn, 'nowMs' | 'enter' | 'leave'>;

/** Connections of the version of HTTP that the endpoint chooses by ALPN; the first one shows which that is. */
export class NegotiatedPool implements HttpPool {
  readonly #host: Host;
  readonly #context: PoolContext;
  readonly #turn: AnyTurn;
  readonly #create: (protocol: 'http1' | 'http2', connector: Connector) => HttpPool;
  #pool: HttpPool | undefined;
  #connecting: PendingConnection | undefined;
  readonly #queue: StreamQueue;
  #draining = false;

  /** `create` makes the pool of the version that was agreed on, over the given connector. */
  constructor(
    host: Host,
    context: PoolContext,
    turn: AnyTurn,
    create: (protocol: 'http1' | 'http2', connector: Connector) => HttpPool,
  ) {
    this.#host = host;
    this.#context = context;
    this.#turn = turn;
    this.#create = create;
    this.#queue = new StreamQueue(context, host);
  }

  acquire(waiter: StreamWaiter, priority: 'default' | 'high', fresh: boolean): void {
    if (this.#pool !== undefined) {
      this.#pool.acquire(waiter, priority, fresh);
      return;
    }
    if (this.#queue.add(waiter, priority) === undefined) return;
    const { stats, connector } = this.#context;
    this.#connecting ??= connector.connect(this.#host, {
      onConnected: (wire) => this.#connected(wire),
      onFailed: (failure, detail) => {
        stats.n.upstreamCxTotal++;
        stats.n.upstreamCxActive++;
        stats.countConnectFailure(failure === 'connect_timeout', this.#queue.length);
        this.#host.cxTotal++;
        this.#host.cxConnectFail++;
        this.#connecting = undefined;
        this.#queue.fail(failure, detail);
      },
    });
  }

  cancel(waiter: StreamWaiter): void {
    if (!this.#queue.cancel(waiter)) this.#pool?.cancel(waiter);
  }

  get empty(): boolean {
    return (this.#pool?.empty ?? true) && this.#connecting === undefined && this.#queue.length === 0;
  }

  renew(): void {
    this.#pool?.renew();
  }

  drain(): void {
    this.#draining = true;
    this.#pool?.drain();
  }

  close(): void {
    this.#connecting?.cancel();
    this.#connecting = undefined;
    this.#queue.fail('connection_failure', '');
    this.#pool?.close();
  }

  #connected(wire: Wire): void {
    this.#connecting = undefined;
    if (this.#queue.length === 0) {
      wire.destroy();
      return;
    }
    const { connector } = this.#context;
    const pool = this.#create(
      wire.tls?.alpn === 'h2' ? 'http2' : 'http1',
      new FirstConnector(connector, wire, this.#turn),
    );
    this.#pool = pool;
    for (const { waiter, priority } of this.#queue.handOver()) pool.acquire(waiter, priority, false);
    if (this.#draining) pool.drain();
  }
}

/** Gives out a connection that is there already, then makes others. */
class FirstConnector implements Connector {
  readonly #connector: Connector;
  readonly #turn: AnyTurn;
  #first: Wire | undefined;

  constructor(connector: Connector, first: Wire, turn: AnyTurn) {
    this.#connector = connector;
    this.#first = first;
    this.#turn = turn;
  }

  connect(host: Host, listener: ConnectListener, serverName?: string): PendingConnection {
    const wire = this.#first;
    this.#first = undefined;
    if (wire === undefined) return this.#connector.connect(host, listener, serverName);
    let cancelled = false;
    // Not before this call returns.
    queueMicrotask(() => {
      if (cancelled) return;
      this.#turn.enter();
      try {
        listener.onConnected(wire);
      } finally {
        this.#turn.leave();
      }
    });
    return {
      cancel() {
        cancelled = true;
        wire.destroy();
      },
    };
  }
}
