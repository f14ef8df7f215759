import type { Problem } from '@lateen/core';
import type { PendingConnection } from '../cluster/connector.ts';
import type { Host } from '../cluster/host.ts';
import type { PoolFailure, StreamWaiter } from '../cluster/pool/http-pool.ts';
import type { UpstreamCluster } from '../cluster/upstream-cluster.ts';
import type { ByteMeter } from '../codec/byte-meter.ts';
import type { HeadPool, HttpVersion, ResponseHead } from '../codec/head.ts';
import type { ClientStream, ResetReason } from '../codec/stream.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { TcpTunnel } from '../model/network-filter.ts';
import { compileHeaderOperations } from '../route/header-operations.ts';
import { compileFormat } from '../telemetry/format.ts';
import type { StreamInfo } from '../telemetry/stream-info.ts';
import { deafHandler } from '../wire/deaf-handler.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import type { Turn } from '../wire/turn.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';

/** The part of a wire that a TCP proxy needs of its endpoint. */
export type TcpUpstream = Pick<
  Wire,
  | 'handler'
  | 'write'
  | 'writable'
  | 'end'
  | 'destroy'
  | 'pause'
  | 'resume'
  | 'closed'
  | 'localAddress'
  | 'localPort'
  | 'tls'
> & {
  /** Its bytes in the tunnel's connection, where somebody asks for them. */
  readonly meter?: ByteMeter | undefined;
};

/** Hears how opening a tunnel ends, as of a connection. */
export interface TunnelListener {
  onConnected(upstream: TcpUpstream): void;
  /** `overflow`: too many requests, or too many that wait. */
  onFailed(failure: PoolFailure, detail: string): void;
}

/** Opens tunnels through the HTTP connections of a cluster. */
export interface Tunnel {
  open(
    cluster: UpstreamCluster,
    host: Host,
    info: ConnectionInfo,
    about: StreamInfo,
    listener: TunnelListener,
  ): PendingConnection;
}

/** Compiles `tunneling_config`; what is wrong is added to `bad`. */
export function compileTunnel(
  model: TcpTunnel,
  context: { readonly heads: HeadPool; readonly turn: Turn },
  countsBytes: boolean,
  path: string,
  bad: Problem[],
): Tunnel | undefined {
  const at = `${path}.tunneling_config`;
  const hostname = compileFormat(model.hostname);
  const headers = compileHeaderOperations({ add: model.headers, remove: [] }, at, bad);
  if (!hostname.ok) {
    bad.push(...hostname.problems.map((p) => ({ ...p, path: `${at}.hostname` })));
    return undefined;
  }
  const { value: format } = hostname;
  return {
    open(cluster, host, info, about, listener) {
      const tunnel = new TunnelStream(cluster, host, context.turn, listener, (stream) => {
        if (countsBytes) tunnel.meter = stream.measure();
        const head = context.heads.request();
        head.method = model.postPath === undefined ? 'CONNECT' : 'POST';
        head.path = model.postPath ?? '';
        head.authority = format.render(about);
        if (model.postPath === undefined) head.upgrade = 'connect';
        headers?.apply(head.headers, about);
        stream.sendHead(head, false);
        context.heads.releaseRequest(head);
      });
      tunnel.start(info);
      return tunnel;
    },
  };
}

/** A request whose two bodies are the two directions of a connection. */
class TunnelStream implements StreamWaiter, PendingConnection, TcpUpstream {
  readonly requestVersion: HttpVersion = 'HTTP/1.1';
  readonly #cluster: UpstreamCluster;
  readonly #host: Host;
  readonly #turn: Turn;
  readonly #send: (stream: ClientStream) => void;
  #listener: TunnelListener | undefined;
  #pool: ReturnType<UpstreamCluster['poolOf']> | undefined;
  #stream: ClientStream | undefined;
  handler: WireHandler = deafHandler;
  meter: ByteMeter | undefined;
  #requestEnded = false;
  #answerEnded = false;
  #over = false;

  constructor(
    cluster: UpstreamCluster,
    host: Host,
    turn: Turn,
    listener: TunnelListener,
    send: (stream: ClientStream) => void,
  ) {
    this.#cluster = cluster;
    this.#host = host;
    this.#turn = turn;
    this.#listener = listener;
    this.#send = send;
  }

  start(info: ConnectionInfo): void {
    this.#host.active++;
    this.#pool = this.#cluster.poolOf(this.#host, info);
    this.#pool.acquire(this, 'default', false);
  }

  /** While it is being opened. */
  cancel(): void {
    this.#listener = undefined;
    if (this.#stream === undefined) this.#pool?.cancel(this);
    this.destroy();
  }

  // StreamWaiter

  onStreamReady(stream: ClientStream): void {
    this.#stream = stream;
    this.#cluster.breakers('default').countRequest(1);
    const { n } = this.#cluster.stats;
    n.upstreamRqTotal++;
    n.upstreamRqActive++;
    this.#host.rqTotal++;
    stream.carryConnection();
    this.#send(stream);
  }

  onPoolFailure(failure: PoolFailure, detail: string): void {
    // A pool may know at once, and the listener is never called before `open` returns.
    queueMicrotask(() => this.#fail(failure, detail));
  }

  onResponseHead(head: ResponseHead, endStream: boolean): void {
    const { status } = head;
    // More may come: the final answer is what counts.
    if (status < 200) return;
    if (status >= 300 || endStream) {
      this.#host.rqError++;
      this.#fail('connection_failure', `tunnel_response:${status}`);
      return;
    }
    this.#host.rqSuccess++;
    const listener = this.#listener;
    this.#listener = undefined;
    listener?.onConnected(this);
  }

  onResponseData(buffer: Buffer, start: number, end: number): void {
    this.handler.onBytes(buffer, start, end);
  }

  onResponseEnd(): void {
    // With the answer a connection of HTTP/1 is gone: what the client still says has nowhere to go.
    if (this.#stream?.protocol !== 'HTTP/2') {
      this.#finish();
      this.handler.onClose(undefined);
      return;
    }
    this.#answerEnded = true;
    if (this.#requestEnded) this.#finish();
    this.handler.onEnd();
  }

  onRequestDrain(): void {
    this.handler.onDrain();
  }

  onUpstreamReset(reason: ResetReason, detail: string): void {
    if (reason === 'remote_reset') this.#cluster.stats.n.upstreamRqRxReset++;
    this.#finish();
    if (this.#listener !== undefined) {
      // The transport has not failed, and no answer says why.
      this.#fail('connection_failure', '');
      return;
    }
    this.handler.onClose(new Error(`${reason} ${detail}`));
  }

  // TcpUpstream

  write(buffer: Uint8Array, start: number, end: number): void {
    this.#stream?.sendData(buffer, start, end);
  }

  get writable(): boolean {
    return this.#stream?.writable ?? false;
  }

  end(): void {
    if (this.#requestEnded || this.#over) return;
    this.#requestEnded = true;
    this.#stream?.sendEnd(undefined);
    if (this.#answerEnded) this.#finish();
  }

  destroy(): void {
    if (this.#over) return;
    // As Envoy: of HTTP/1 the connection is given up, not a stream of it.
    if (this.#stream?.protocol === 'HTTP/2') this.#cluster.stats.n.upstreamRqTxReset++;
    this.#stream?.reset();
    this.#finish();
  }

  pause(): void {
    this.#stream?.pauseResponse();
  }

  resume(): void {
    this.#stream?.resumeResponse();
  }

  get closed(): boolean {
    return this.#over;
  }

  /** Where the request is sent from; the port is part of it. */
  get localAddress(): string {
    const at = this.#stream?.localAddress ?? '';
    return at.slice(0, at.lastIndexOf(':'));
  }

  get localPort(): number {
    const at = this.#stream?.localAddress ?? '';
    return Number(at.slice(at.lastIndexOf(':') + 1));
  }

  get tls(): TlsInfo | undefined {
    return this.#stream?.tls;
  }

  #fail(failure: PoolFailure, detail: string): void {
    const listener = this.#listener;
    this.#listener = undefined;
    this.destroy();
    if (listener === undefined) return;
    this.#turn.enter();
    try {
      listener.onFailed(failure, detail);
    } finally {
      this.#turn.leave();
    }
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#host.active--;
    if (this.#stream === undefined) return;
    this.#cluster.breakers('default').countRequest(-1);
    this.#cluster.stats.n.upstreamRqActive--;
  }
}
