import type { Turn } from '../../wire/turn.ts';
import type { Wire } from '../../wire/wire.ts';
import type { Breakers } from '../breakers.ts';
import type { ConnectListener, Connector, PendingConnection } from '../connector.ts';
import type { Host } from '../host.ts';
import type { PoolContext } from './http1-pool.ts';
import type { HttpPool, StreamWaiter } from './http-pool.ts';

type AnyTurn = Pick<Turn, 'nowMs' | 'enter' | 'leave'>;

interface Waiting {
  readonly waiter: StreamWaiter;
  readonly priority: 'default' | 'high';
  readonly breakers: Breakers;
}

/** Connections of the version of HTTP that the endpoint chooses by ALPN; the first one shows which that is. */
export class NegotiatedPool implements HttpPool {
  readonly #host: Host;
  readonly #context: PoolContext;
  readonly #turn: AnyTurn;
  readonly #create: (protocol: 'http1' | 'http2', connector: Connector) => HttpPool;
  #pool: HttpPool | undefined;
  #connecting: PendingConnection | undefined;
  #waiting: Waiting[] = [];
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
  }

  acquire(waiter: StreamWaiter, priority: 'default' | 'high', fresh: boolean): void {
    if (this.#pool !== undefined) {
      this.#pool.acquire(waiter, priority, fresh);
      return;
    }
    const { stats, breakersOf, connector } = this.#context;
    const breakers = breakersOf(priority);
    if (!breakers.mayWait()) {
      stats.n.upstreamRqPendingOverflow++;
      waiter.onPoolFailure('overflow', 'too many pending requests');
      return;
    }
    breakers.countPending(1);
    this.#waiting.push({ waiter, priority, breakers });
    this.#connecting ??= connector.connect(this.#host, {
      onConnected: (wire) => this.#connected(wire),
      onFailed: (failure, detail) => {
        stats.n.upstreamCxTotal++;
        stats.n.upstreamCxActive++;
        stats.countConnectFailure(failure === 'connect_timeout', this.#waiting.length);
        this.#host.cxTotal++;
        this.#host.cxConnectFail++;
        this.#connecting = undefined;
        for (const one of this.#takeWaiting()) one.waiter.onPoolFailure(failure, detail);
      },
    });
  }

  cancel(waiter: StreamWaiter): void {
    const at = this.#waiting.findIndex((one) => one.waiter === waiter);
    if (at < 0) {
      this.#pool?.cancel(waiter);
      return;
    }
    const [waiting] = this.#waiting.splice(at, 1);
    if (waiting !== undefined) waiting.breakers.countPending(-1);
  }

  get empty(): boolean {
    return (this.#pool?.empty ?? true) && this.#connecting === undefined && this.#waiting.length === 0;
  }

  drain(): void {
    this.#draining = true;
    this.#pool?.drain();
  }

  close(): void {
    this.#connecting?.cancel();
    this.#connecting = undefined;
    this.#takeWaiting();
    this.#pool?.close();
  }

  #connected(wire: Wire): void {
    this.#connecting = undefined;
    const waiting = this.#takeWaiting();
    if (waiting.length === 0) {
      wire.destroy();
      return;
    }
    const { connector } = this.#context;
    const pool = this.#create(
      wire.tls?.alpn === 'h2' ? 'http2' : 'http1',
      new FirstConnector(connector, wire, this.#turn),
    );
    this.#pool = pool;
    for (const { waiter, priority } of waiting) pool.acquire(waiter, priority, false);
    if (this.#draining) pool.drain();
  }

  #takeWaiting(): readonly Waiting[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { breakers } of waiting) breakers.countPending(-1);
    return waiting;
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
