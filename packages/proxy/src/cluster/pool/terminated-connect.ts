import type { HeadPool, RequestHead } from '../../codec/head.ts';
import type { ByteMeter } from '../../codec/byte-meter.ts';
import { Http1Meter, markOf } from '../../http1/http1-meter.ts';
import type { ClientStream, ClientStreamHandler } from '../../codec/stream.ts';
import type { ConnectTimes } from '../../wire/connect-times.ts';
import type { TlsInfo } from '../../wire/tls-info.ts';
import type { Wire, WireHandler } from '../../wire/wire.ts';
import type { Breakers } from '../breakers.ts';
import type { ConnectFailure, ConnectListener, Downstream, PendingConnection } from '../connector.ts';
import type { Host } from '../host.ts';
import type { UpstreamCluster } from '../upstream-cluster.ts';
import type { HttpPool, StreamWaiter } from './http-pool.ts';

/**
 * Where a CONNECT ends at the proxy (Envoy, `connect_config`): a TCP connection to the endpoint, with the bytes of the
 * tunnel on it. One for each request.
 */
export class TerminatedConnect implements HttpPool, ClientStream, WireHandler {
  readonly #cluster: UpstreamCluster;
  readonly #host: Host;
  readonly #heads: HeadPool;
  readonly #downstream: Downstream;
  #pending: PendingConnection | undefined;
  /** Those that the connection counts against. */
  #breakers: Breakers | undefined;
  #wire: Wire | undefined;
  #handler: ClientStreamHandler | undefined;
  #requestEnded = false;
  #answerEnded = false;
  readonly reused = false;
  readonly protocol = undefined;
  connectionId = 0;

  constructor(cluster: UpstreamCluster, host: Host, heads: HeadPool, downstream: Downstream) {
    this.#cluster = cluster;
    this.#host = host;
    this.#heads = heads;
    this.#downstream = downstream;
  }

  // HttpPool

  acquire(waiter: StreamWaiter, priority: 'default' | 'high'): void {
    const { stats, model } = this.#cluster;
    const breakers = this.#cluster.breakers(priority);
    const most = model.maxHostConnections ?? Number.POSITIVE_INFINITY;
    if (!breakers.mayConnect() || this.#host.connections >= most) {
      stats.n.upstreamCxOverflow++;
      waiter.onPoolFailure('pending_overflow', 'too many connections');
      return;
    }
    this.#breakers = breakers;
    breakers.countConnection(1);
    stats.n.upstreamCxTotal++;
    stats.n.upstreamCxActive++;
    this.#host.cxTotal++;
    this.#host.countConnection(1);
    const listener: ConnectListener = {
      onConnected: (wire) => {
        this.#pending = undefined;
        this.#wire = wire;
        this.connectionId = this.#cluster.nextConnectionId();
        this.#handler = waiter;
        wire.handler = this;
        wire.countInto(stats.bytes);
        waiter.onStreamReady(this);
      },
      onFailed: (failure, detail) => this.#connectFailed(waiter, failure, detail),
    };
    this.#pending = this.#cluster.connector.connect(this.#host, listener, undefined, this.#downstream);
  }

  #connectFailed(waiter: StreamWaiter, failure: ConnectFailure, detail: string): void {
    const { stats } = this.#cluster;
    this.#pending = undefined;
    stats.n.upstreamCxConnectFail++;
    if (failure === 'connect_timeout') stats.n.upstreamCxConnectTimeout++;
    this.#host.cxConnectFail++;
    this.#uncount();
    waiter.onPoolFailure(failure, detail);
  }

  #uncount(): void {
    this.#cluster.stats.n.upstreamCxActive--;
    this.#breakers?.countConnection(-1);
    this.#host.countConnection(-1);
  }

  cancel(): void {
    if (this.#pending === undefined) return;
    this.#pending.cancel();
    this.#pending = undefined;
    this.#uncount();
  }

  get empty(): boolean {
    return this.#pending === undefined && this.#wire === undefined;
  }

  renew(): void {}

  drain(): void {}

  close(): void {
    this.reset();
  }

  // ClientStream

  measure(): ByteMeter {
    const wire = this.#wire as Wire;
    wire.countAlone();
    return new Http1Meter(wire, markOf(wire));
  }

  get times(): ConnectTimes | undefined {
    return this.#wire?.times;
  }

  get tls(): TlsInfo | undefined {
    return this.#wire?.tls;
  }

  get localAddress(): string {
    const wire = this.#wire;
    return wire === undefined ? '' : `${wire.localAddress}:${wire.localPort}`;
  }

  get writable(): boolean {
    return this.#wire?.writable === true;
  }

  sendHead(request: RequestHead): void {
    const head = this.#heads.response();
    head.status = 200;
    head.version = 'HTTP/1.1';
    // A POST is answered as such: what the endpoint says is the body.
    head.upgrade = request.upgrade;
    this.#handler?.onResponseHead(head, false);
  }

  sendData(buffer: Uint8Array, start: number, end: number): void {
    if (end > start) this.#wire?.write(buffer, start, end);
  }

  sendEnd(): void {
    this.#requestEnded = true;
    this.#wire?.end();
  }

  carryConnection(): void {}

  reset(): void {
    this.#handler = undefined;
    this.#wire?.destroy();
  }

  pauseResponse(): void {
    this.#wire?.pause();
  }

  resumeResponse(): void {
    this.#wire?.resume();
  }

  // WireHandler

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.#handler?.onResponseData(buffer, start, end);
  }

  onEnd(): void {
    this.#answerEnded = true;
    const handler = this.#handler;
    this.#handler = undefined;
    if (!this.#requestEnded) this.#wire?.end();
    handler?.onResponseEnd(undefined);
  }

  onDrain(): void {
    this.#handler?.onRequestDrain();
  }

  onClose(error: Error | undefined): void {
    const handler = this.#handler;
    this.#handler = undefined;
    this.#uncount();
    this.#cluster.stats.n.upstreamCxDestroy++;
    if (!this.#answerEnded) {
      handler?.onUpstreamReset('connection_closed', error?.message ?? 'the endpoint closed the connection');
    }
  }
}
