import { orderAddresses } from '../decide/address-order.ts';
import type { Address, SocketAddress } from '../model/address.ts';
import type { Cluster, HappyEyeballs } from '../model/cluster.ts';
import type { ProxyProtocolTransport } from '../model/tls.ts';
import type { Tlv } from '../proxy-protocol/proxy-header.ts';
import { headerFor } from './upstream-proxy-header.ts';
import { connectErrorText } from './connect-error.ts';
import type { LogWriter } from '../telemetry/log-files.ts';
import { type Expirable, type CoarseTimers, type Countdown } from '../timer/coarse-timers.ts';
import { PlainWire } from '../wire/plain-wire.ts';
import { handleError, type SocketHandle } from '../wire/socket-handle.ts';
import { createPipeSocket, createTcpSocket } from '../wire/sockets.ts';
import type { LazyTransparentSockets, OriginalSource } from '../wire/transparent-socket.ts';
import type { Turn } from '../wire/turn.ts';
import type { Wire } from '../wire/wire.ts';
import type { Host } from './host.ts';
import { RacingConnections } from './racing-connections.ts';

export type ConnectFailure = 'connection_failure' | 'connect_timeout';

/** Hears how an attempt to connect ends; exactly one of the two is called, never before `connect` returns. */
export interface ConnectListener {
  onConnected(wire: Wire): void;
  /** `detail`: Envoy's transport failure reason; empty where it has none. */
  onFailed(failure: ConnectFailure, detail: string): void;
}

/** The same of a connection without TLS. */
export interface PlainConnectListener {
  onConnected(wire: PlainWire): void;
  onFailed(failure: ConnectFailure, detail: string): void;
}

/** Whom a connection is made for: what the PROXY protocol tells the endpoint. */
export interface Downstream {
  /** Of its connection. */
  readonly id: number;
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  readonly tlvs: readonly Tlv[];
  /** Where the connection is to come from; undefined: from the proxy. */
  readonly source: OriginalSource | undefined;
}

export interface PendingConnection {
  /** Gives up; nothing is heard any more. */
  cancel(): void;
}

/** Makes connections to hosts. */
export interface Connector {
  /** The same for connections that are not the cluster's traffic; default: nothing is counted anyway. */
  readonly uncounted?: Connector;
  /**
   * `serverName`: the request's host, for clusters that put it into SNI. `downstream`: the client; without one
   * the proxy speaks for itself. `protocols`: what TLS offers by ALPN, in place of what the cluster says.
   */
  connect(
    host: Host,
    listener: ConnectListener,
    serverName?: string,
    downstream?: Downstream,
    protocols?: readonly string[],
  ): PendingConnection;
}

/** What connectors share in a data plane. */
export interface ConnectorContext {
  readonly turn: Turn;
  readonly timers: CoarseTimers;
  readonly transparent: LazyTransparentSockets;
  /** Where events of health checks, and keys of TLS sessions that are asked for, are written. */
  readonly writeLog: LogWriter;
  /** Into which all connections read. */
  readonly readBuffer: Buffer;
}

/** Plain connections as a cluster asks for them. */
export class TcpConnector implements Connector {
  readonly #context: ConnectorContext;
  readonly #cluster: Cluster;
  readonly #header: ProxyProtocolTransport | undefined;

  /** `header`: the PROXY protocol's, which the endpoint is sent first. */
  constructor(context: ConnectorContext, cluster: Cluster, header?: ProxyProtocolTransport) {
    this.#context = context;
    this.#cluster = cluster;
    this.#header = header;
  }

  connect(
    host: Host,
    listener: PlainConnectListener,
    _serverName?: string,
    downstream?: Downstream,
  ): PendingConnection {
    const header = this.#header;
    const to =
      header === undefined
        ? listener
        : announcing(this.#context.turn, listener, (wire) => headerFor(header, wire, downstream));
    const { timers } = this.#context;
    const { connectTimeoutMs, happyEyeballs } = this.#cluster;
    const { additionalAddresses } = host.endpoint;
    const source = downstream?.source;
    if (additionalAddresses === undefined || additionalAddresses.length === 0)
      return new TcpConnecting(this.#context, this.#cluster, host.address, connectTimeoutMs, to, source);
    const order = orderAddresses([host.address, ...additionalAddresses], happyEyeballs ?? inTurns);
    return new RacingConnections(
      order,
      connectTimeoutMs,
      timers,
      to,
      (address, one) => new TcpConnecting(this.#context, this.#cluster, address, 0, one, source),
    );
  }
}

const inTurns: HappyEyeballs = { firstFamily: 'default', firstCount: 1 };

/** Sends what `header` gives before anybody else writes. */
function announcing(
  turn: Turn,
  listener: PlainConnectListener,
  header: (wire: Wire) => Buffer,
): PlainConnectListener {
  return {
    onConnected(wire) {
      const bytes = header(wire);
      wire.write(bytes, 0, bytes.length);
      // Whoever takes the handle, as TLS does, comes after it.
      turn.flushOwner(wire);
      listener.onConnected(wire);
    },
    onFailed: (failure, detail) => listener.onFailed(failure, detail),
  };
}

/** A plain connection that is being made. */
class TcpConnecting implements Expirable, PendingConnection {
  countdown: Countdown | undefined = undefined;
  readonly #context: ConnectorContext;
  readonly #cluster: Cluster;
  readonly #handle: SocketHandle;
  readonly #beginMs: number;
  #listener: PlainConnectListener | undefined;

  constructor(
    context: ConnectorContext,
    cluster: Cluster,
    address: Address,
    /** 0: the caller has one of its own. */
    timeoutMs: number,
    listener: PlainConnectListener,
    source: OriginalSource | undefined,
  ) {
    this.#context = context;
    this.#cluster = cluster;
    this.#listener = listener;
    this.#beginMs = context.turn.nowMs;
    this.#handle = address.kind === 'pipe' ? createPipeSocket() : createTcpSocket();
    const done = (status: number): void => this.#onDone(status);
    const bound =
      source === undefined || address.kind === 'pipe'
        ? bindSource(this.#handle, cluster, address)
        : openAtSource(this.#handle, source, context.transparent);
    const status = bound || this.#handle.connect(address, done);
    if (status !== 0) queueMicrotask(() => done(status));
    if (timeoutMs > 0) context.timers.start(this, timeoutMs);
  }

  cancel(): void {
    if (this.#listener === undefined) return;
    this.#listener = undefined;
    this.#context.timers.stop(this);
    this.#handle.close(false);
  }

  onExpire(): void {
    const listener = this.#listener;
    this.cancel();
    listener?.onFailed('connect_timeout', '');
  }

  #onDone(status: number): void {
    const listener = this.#listener;
    if (listener === undefined) return;
    const { turn, timers, readBuffer } = this.#context;
    turn.enter();
    try {
      if (status === 0) {
        this.#listener = undefined;
        timers.stop(this);
        setOptions(this.#handle, this.#cluster);
        const wire = new PlainWire(turn, this.#handle, readBuffer);
        wire.times = { beginMs: this.#beginMs, connectedMs: turn.nowMs, securedMs: undefined };
        wire.resume();
        listener.onConnected(wire);
      } else {
        this.cancel();
        listener.onFailed('connection_failure', connectErrorText(handleError(status, 'connect')));
      }
    } finally {
      turn.leave();
    }
  }
}

/** Puts our end at the client's address; 0 or an error of libuv. */
function openAtSource(
  handle: SocketHandle,
  source: OriginalSource,
  transparent: LazyTransparentSockets,
): number {
  const fd = transparent.sockets.open(source);
  return fd < 0 ? fd : handle.open(fd);
}

/** Puts our end at the cluster's source address, or at the one of the endpoint's family; 0 or an error of libuv. */
function bindSource(
  handle: SocketHandle,
  { sourceAddress, extraSourceAddresses = [] }: Cluster,
  to: Address,
): number {
  if (sourceAddress === undefined) return 0;
  const six = to.kind === 'socket' && to.address.includes(':');
  const alike = (one: SocketAddress): boolean => one.address.includes(':') === six;
  const { address, port } = alike(sourceAddress)
    ? sourceAddress
    : (extraSourceAddresses.find(alike) ?? sourceAddress);
  return handle.bind(address, port);
}

function setOptions(handle: SocketHandle, { tcpKeepalive }: Cluster): void {
  handle.setNoDelay();
  if (tcpKeepalive !== undefined)
    handle.setKeepAlive({ afterSeconds: Math.max(1, Math.round(tcpKeepalive.timeMs / 1_000)) });
}
