import type { OriginalSource } from '../wire/transparent-socket.ts';
import type { HostOverride } from '../cluster/host-override.ts';
import type { Host } from '../cluster/host.ts';
import { noBytes, sumOfMeters, type ByteMeter } from '../codec/byte-meter.ts';
import { GrpcMessages } from '../codec/grpc-messages.ts';
import { isGrpc } from '../codec/grpc-timeout.ts';
import type { HttpVersion, RequestHead, ResponseHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import { formatAddress, type SocketAddress } from '../model/address.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Metadata } from '../model/metadata.ts';
import type { CompiledRoute } from '../route/virtual-host.ts';
import type { Peer } from '../telemetry/peer.ts';
import type { AccessLogType, StreamInfo } from '../telemetry/stream-info.ts';
import { timesSince, type ConnectTimes } from '../wire/connect-times.ts';
import type { Countdown, Expirable } from '../timer/coarse-timers.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import type { ConnectionManager } from './connection-manager.ts';
import type { RequestTrace } from '../tracing/request-trace.ts';
import type { Router } from './router/router.ts';

/** What is known of a request while it is served: what statistics, logs and formats are told. */
export abstract class ExchangeRecord implements Expirable, StreamInfo {
  countdown: Countdown | undefined = undefined;
  readonly manager: ConnectionManager;
  readonly connection: ConnectionInfo;
  readonly head: RequestHead;
  /** The request's random number: shares of routes and clusters are cut from it. */
  readonly draw: number;
  /** Time of the turn in which the request came. */
  protected readonly startMs: number;
  readonly #startedWallMs: number | undefined;
  protected requestDoneMs: number | undefined;
  protected responseHeadMs: number | undefined;
  /** When the body of the answer began; only where requests are logged. */
  protected bodyMs: number | undefined;
  /** The client's address, by trusted headers where they say so. */
  client: SocketAddress;
  route: CompiledRoute | undefined;
  /** Of a request that is sent on. */
  router: Router | undefined;
  response: ResponseHead | undefined;
  responseTrailers: HeaderBlock | undefined;
  peer: Peer | undefined;
  /** Of a request that is sampled. */
  trace: RequestTrace | undefined;
  /** What filters found out, by namespace and key. */
  dynamicMetadata: Metadata | undefined;
  hostOverride: HostOverride | undefined;
  upstreamSource: OriginalSource | undefined;
  /** Of a gRPC request whose messages are counted. */
  grpcMessages: GrpcMessages | undefined;
  status = 0;
  flags = 0;
  details = '';
  localReplyBody = '';
  /** The event at which logs are told. */
  logType: AccessLogType = 'DownstreamEnd';
  bytesReceived = 0;
  bytesSent = 0;
  downstreamBytes: ByteMeter | undefined;

  constructor(manager: ConnectionManager, connection: ConnectionInfo, head: RequestHead) {
    this.manager = manager;
    this.connection = connection;
    this.head = head;
    this.client = connection.remote;
    this.dynamicMetadata = connection.metadata;
    this.startMs = manager.turn.nowMs;
    this.draw = manager.random();
    if (manager.messageObservers.length > 0 && isGrpc(head.headers))
      this.grpcMessages = new GrpcMessages(this.startMs);
    if (manager.countsBytes) this.downstreamBytes = noBytes;
    if (manager.accessLogs.length > 0) this.#startedWallMs = manager.turn.wallMs;
  }

  /** Tells observers of messages; while the request lasts only where the last time is long ago. */
  protected tellMessages(messages: GrpcMessages, isEnd: boolean): void {
    const { manager } = this;
    const { nowMs } = manager.turn;
    const { messageIntervalMs } = manager;
    if (!isEnd && (messageIntervalMs === 0 || nowMs - messages.toldMs < messageIntervalMs)) return;
    const counts = messages.take(nowMs);
    for (const observer of manager.messageObservers) observer.onMessages(this, manager.direction, counts);
  }

  /** Tells access logs of the request, at an event. */
  protected log(at: AccessLogType): void {
    this.logType = at;
    for (const log of this.manager.accessLogs) log.log(this);
  }

  abstract onExpire(): void;

  get request(): RequestHead {
    return this.head;
  }

  get startWallMs(): number {
    return this.#startedWallMs ?? this.manager.turn.wallMs;
  }

  get durationMs(): number {
    return this.manager.turn.nowMs - this.startMs;
  }

  get requestDurationMs(): number | undefined {
    return this.requestDoneMs === undefined ? undefined : this.requestDoneMs - this.startMs;
  }

  get responseDurationMs(): number | undefined {
    return this.responseHeadMs === undefined ? undefined : this.responseHeadMs - this.startMs;
  }

  get bodyBeginMs(): number | undefined {
    return this.bodyMs === undefined ? undefined : this.bodyMs - this.startMs;
  }

  get upstreamReadyMs(): number | undefined {
    const readyMs = this.router?.readyMs;
    return readyMs === undefined ? undefined : readyMs - this.startMs;
  }

  get connectTimes(): ConnectTimes | undefined {
    const times = this.router?.connected?.times;
    return times === undefined ? undefined : timesSince(times, this.startMs);
  }

  get poolReadyMs(): number | undefined {
    const { readyMs, connected } = this.router ?? {};
    return readyMs === undefined || connected === undefined ? undefined : readyMs - connected.startMs;
  }

  get filterChainName(): string {
    return this.connection.filterChainName ?? '';
  }

  get downstreamRemote(): SocketAddress {
    return this.client;
  }

  get downstreamDirectRemote(): SocketAddress {
    return this.connection.directRemote;
  }

  get downstreamLocal(): SocketAddress {
    return this.connection.local;
  }

  get downstreamTls(): TlsInfo | undefined {
    return this.connection.tls;
  }

  get ja3(): string | undefined {
    return this.connection.ja3;
  }

  get ja4(): string | undefined {
    return this.connection.ja4;
  }

  get requestedServerName(): string {
    return this.connection.serverName;
  }

  get upstreamBytes(): ByteMeter | undefined {
    return this.manager.countsBytes ? sumOfMeters(this.router?.meters ?? []) : undefined;
  }

  get upstreamHost(): string {
    const host = this.router?.host;
    return host === undefined ? '' : formatAddress(host.address);
  }

  get upstreamLocal(): string {
    return this.router?.connected?.localAddress ?? '';
  }

  get upstreamConnectionId(): number | undefined {
    return this.router?.connected?.connectionId;
  }

  get upstreamProtocol(): HttpVersion | undefined {
    return this.router?.connected?.protocol;
  }

  get upstreamTls(): TlsInfo | undefined {
    return this.router?.connected?.tls;
  }

  /** The route's, where a filter has answered before the router chose one; empty where there is none of that name (Envoy). */
  get upstreamCluster(): string {
    const { router, route } = this;
    let ref = router?.target?.ref;
    if (router === undefined && route?.action.kind === 'forward')
      ref = route.action.choose(this.head, this.draw)?.ref;
    return ref?.cluster === undefined ? '' : ref.name;
  }

  get upstreamFailure(): string {
    return this.router?.lastFailure ?? '';
  }

  get routeName(): string {
    return this.route?.route.name ?? '';
  }

  get routeMetadata(): Metadata | undefined {
    return this.route?.route.metadata;
  }

  get traceId(): string {
    return this.trace?.traceId ?? '';
  }

  get virtualHost(): string {
    return this.route?.virtualHost.name ?? '';
  }

  get virtualClusterName(): string | undefined {
    return this.router?.virtualCluster?.name;
  }

  get attempts(): number {
    return this.router?.attempts ?? 0;
  }

  get connectionId(): number {
    return this.connection.id;
  }

  get endpoint(): Host | undefined {
    return this.router?.host;
  }

  get upstreamModel(): Cluster | undefined {
    return this.router?.target?.ref.cluster?.model;
  }
}
