import type { Host, HostUser } from '../cluster/host.ts';
import type { ConnectFailure, ConnectListener, PendingConnection } from '../cluster/connector.ts';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import type { HostRequest, UpstreamCluster } from '../cluster/upstream-cluster.ts';
import { connectionEnd } from '../codec/connection-end.ts';
import type { SubsetCriteria } from '../decide/subset-criteria.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { CancelDemand, DemandOutcome } from '../on-demand/on-demand.ts';
import type { SocketAddress } from '../model/address.ts';
import type { Metadata } from '../model/metadata.ts';
import type { CompiledAccessLog } from '../telemetry/access-log.ts';
import { flag } from '../telemetry/response-flags.ts';
import { closedByPeer, closeReasons, upstreamCloseReasons, type CloseReason } from './close-reasons.ts';
import { TcpStreamInfo } from './tcp-stream-info.ts';
import type { AccessLogType, CloseInfo, StreamInfo } from '../telemetry/stream-info.ts';
import type { ConnectionCell } from '../telemetry/mesh-cells.ts';
import type { TcpStats } from '../telemetry/tcp-stats.ts';
import { type Expirable, type CoarseTimers, type Countdown } from '../timer/coarse-timers.ts';
import { Deadline } from '../timer/deadline.ts';
import type { Turn } from '../wire/turn.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import { endWire, type WireEnd } from './end-wire.ts';
import type { TcpUpstream, Tunnel, TunnelListener } from './tunnel.ts';

/** A cluster with the upper end of its share. */
export interface TcpTarget {
  readonly ref: ClusterRef;
  readonly upTo: number;
  readonly subset: SubsetCriteria | undefined;
}

/** A TCP proxy filter, compiled: the same for all its connections. */
export interface TcpProxySetup {
  readonly targets: readonly TcpTarget[];
  readonly totalWeight: number;
  /** Where the cluster is the server name that the client asks for (`envoy.filters.network.sni_cluster`). */
  readonly byServerName: ((name: string) => ClusterRef) | undefined;
  /** 0: none. */
  readonly idleTimeoutMs: number;
  /** 0: none. */
  readonly maxDurationMs: number;
  readonly maxConnectAttempts: number;
  /** Waits for a cluster that is not known; undefined where a connection without one ends. */
  readonly fetchCluster: ((name: string, done: (outcome: DemandOutcome) => void) => CancelDemand) | undefined;
  /** Undefined where connections are made to endpoints. */
  readonly tunnel: Tunnel | undefined;
  readonly accessLogs: readonly CompiledAccessLog[];
  readonly logOnConnected: boolean;
  /** 0: only at the end. */
  readonly logIntervalMs: number;
  readonly stats: TcpStats;
  readonly turn: Turn;
  readonly timers: CoarseTimers;
  readonly random: () => number;
  /** Of the client's address, for consistent balancers. */
  readonly hash: ((clientIp: string) => bigint) | undefined;
  /** The cell that a connection is counted in, when it has come to an endpoint; undefined where nobody counts. */
  readonly observe: ((info: StreamInfo) => ConnectionCell) | undefined;
  /** How often the cell is told of the bytes of a connection that lasts; 0: at its end only. */
  readonly reportIntervalMs: number;
}

/** What is kept of a client's bytes until the endpoint is connected. */
const maxEarlyBytes = 1024 * 1024;

/** Carries bytes between a client and an endpoint, each direction ending by itself. */
export class TcpConnection
  implements Expirable, WireHandler, ConnectListener, TunnelListener, HostRequest, HostUser
{
  countdown: Countdown | undefined = undefined;
  readonly #setup: TcpProxySetup;
  readonly #info: ConnectionInfo;
  readonly #downstream: Wire;
  readonly #onClosed: () => void;
  readonly #startWallMs: number;
  readonly #startMs: number;
  #upstream: TcpUpstream | undefined;
  /** Our end of the connection to the endpoint; only for access logs. */
  #upstreamLocal = '';
  #upstreamId: number | undefined;
  #cluster: UpstreamCluster | undefined;
  #host: Host | undefined;
  #connecting: PendingConnection | undefined;
  #attempts = 0;
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #downstreamEnded = false;
  #upstreamEnded = false;
  /** It was the endpoint that ended, or was the last to end, its half. */
  #endedByEndpoint = false;
  #paused = false;
  #over = false;
  #bytesReceived = 0;
  #bytesSent = 0;
  #flags = 0;
  #failure = '';
  #downstreamClose: CloseInfo | undefined;
  #upstreamClose: CloseInfo | undefined;
  #cell: ConnectionCell | undefined;
  #ref: ClusterRef | undefined;
  /** True once the cluster was asked for. */
  #fetched = false;
  #cancelFetch: CancelDemand | undefined;
  #maxDuration: Deadline | undefined;
  #nextLog: Deadline | undefined;
  #nextReport: Deadline | undefined;
  /** What of the bytes the cell has been told. */
  #reportedReceived = 0;
  #reportedSent = 0;
  subset: SubsetCriteria | undefined;

  constructor(setup: TcpProxySetup, downstream: Wire, info: ConnectionInfo, onClosed: () => void) {
    this.#setup = setup;
    this.#info = info;
    this.#downstream = downstream;
    this.#onClosed = onClosed;
    this.#startWallMs = setup.turn.wallMs;
    this.#startMs = setup.turn.nowMs;
    setup.stats.cxTotal++;
    setup.stats.cxActive++;
    downstream.handler = this;
    if (setup.maxDurationMs > 0) {
      this.#maxDuration = new Deadline(() => this.#endOfTime());
      setup.timers.start(this.#maxDuration, setup.maxDurationMs);
    }
    if (setup.logIntervalMs > 0) this.#logLater();
    this.#connect();
  }

  // HostRequest

  get originalDestination(): SocketAddress | undefined {
    return this.#info.originalDestination;
  }

  get dynamicMetadata(): Metadata | undefined {
    return this.#info.metadata;
  }

  readonly selection = 0;

  hash(): bigint | undefined {
    return this.#setup.hash?.(this.#info.remote.address);
  }

  // What the client sends

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.#bytesReceived += end - start;
    this.#setup.stats.bytesReceived += end - start;
    const upstream = this.#upstream;
    if (upstream === undefined) {
      this.#keepEarly(buffer, start, end);
      return;
    }
    this.#touch();
    upstream.write(buffer, start, end);
    if (!upstream.writable) this.#downstream.pause();
  }

  onEnd(): void {
    this.#downstreamEnded = true;
    if (this.#upstream === undefined) return;
    this.#upstream.end();
    if (this.#upstreamEnded) this.#finish();
  }

  onDrain(): void {
    this.#upstream?.resume();
  }

  onClose(error: Error | undefined): void {
    if (this.#over) return;
    // Where it has come to an endpoint Envoy flags no end by the client.
    if (this.#upstream === undefined) this.#flags |= flag.downstreamConnectionTermination;
    this.#downstreamEnded = true;
    this.#downstreamClose = closedByPeer(error);
    this.#finish(error === undefined ? 'sent' : 'reset');
  }

  onExpire(): void {
    // As Envoy, which flags a stream of HTTP for that and not a connection.
    this.#setup.stats.idleTimeout++;
    this.#finish('unsent', closeReasons.idleTimeout);
  }

  #endOfTime(): void {
    this.#setup.stats.maxDuration++;
    this.#flags |= flag.durationTimeout;
    this.#finish('unsent', closeReasons.maxDuration);
  }

  #logLater(): void {
    this.#nextLog ??= new Deadline(() => {
      this.#log('TcpPeriodic');
      this.#logLater();
    });
    this.#setup.timers.start(this.#nextLog, this.#setup.logIntervalMs);
  }

  #reportLater(): void {
    this.#nextReport ??= new Deadline(() => {
      if (this.#cell !== undefined) this.#report(this.#cell);
      this.#reportLater();
    });
    this.#setup.timers.start(this.#nextReport, this.#setup.reportIntervalMs);
  }

  /** Adds the bytes since the last time. */
  #report(cell: ConnectionCell): void {
    cell.receivedBytes += this.#bytesReceived - this.#reportedReceived;
    cell.sentBytes += this.#bytesSent - this.#reportedSent;
    this.#reportedReceived = this.#bytesReceived;
    this.#reportedSent = this.#bytesSent;
  }

  #log(logType: AccessLogType): void {
    const { accessLogs } = this.#setup;
    if (accessLogs.length === 0) return;
    const info = this.#streamInfo(logType);
    for (const log of accessLogs) log.log(info);
  }

  /** What it carries is not over before its peers say so. */
  drain(): void {}

  /** Ends the connection at once. */
  close(): void {
    this.#finish('reset');
  }

  // The endpoint

  onConnected(wire: TcpUpstream): void {
    this.#connecting = undefined;
    const host = this.#host as Host;
    const cluster = this.#cluster as UpstreamCluster;
    if (this.#setup.tunnel === undefined) {
      // As Envoy, whose pools take a connection for one request.
      host.active++;
      host.rqTotal++;
      cluster.stats.n.upstreamRqTotal++;
      cluster.stats.n.upstreamRqActive++;
    }
    if (cluster.model.closeConnectionsOnHealthFailure === true) (host.others ??= new Set()).add(this);
    this.#upstream = wire;
    // The kernel forgets it with the connection, and access logs ask afterwards.
    if (this.#setup.accessLogs.length > 0) {
      this.#upstreamLocal = `${wire.localAddress}:${wire.localPort}`;
      this.#upstreamId = cluster.nextConnectionId();
    }
    cluster.outlier?.onTcpConnected(host);
    this.#cell = this.#setup.observe?.(this.#streamInfo());
    if (this.#cell !== undefined) {
      this.#cell.opened++;
      if (this.#setup.reportIntervalMs > 0) this.#reportLater();
    }
    wire.handler = {
      onBytes: (buffer, start, end) => this.#onUpstreamBytes(buffer, start, end),
      onEnd: () => this.#onUpstreamEnd(),
      onDrain: () => this.#downstream.resume(),
      onClose: (error) => this.#onUpstreamClose(error),
    };
    for (const bytes of this.#early) wire.write(bytes, 0, bytes.length);
    this.#early = [];
    if (this.#paused) {
      this.#paused = false;
      this.#downstream.resume();
    }
    if (this.#downstreamEnded) wire.end();
    if (this.#setup.logOnConnected) this.#log('TcpUpstreamConnected');
    this.#touch();
  }

  onFailed(failure: ConnectFailure | 'overflow', detail: string): void {
    this.#connecting = undefined;
    const { stats } = this.#cluster as UpstreamCluster;
    if (this.#setup.tunnel === undefined && failure !== 'overflow') this.#countFailure(failure);
    this.#failure = detail;
    if (this.#attempts < this.#setup.maxConnectAttempts) {
      this.#connect();
      return;
    }
    stats.n.upstreamCxConnectAttemptsExceeded++;
    // As Envoy: a pool that is full is no connection that has failed.
    if (failure !== 'overflow') this.#flags |= flag.upstreamConnectionFailure;
    this.#flags |= flag.connectAttemptsExceeded;
    this.#finish('unsent', closeReasons.connectFailed);
  }

  #countFailure(failure: ConnectFailure): void {
    const host = this.#host as Host;
    host.cxConnectFail++;
    const { stats, outlier } = this.#cluster as UpstreamCluster;
    stats.countConnectFailure(failure === 'connect_timeout', 1);
    if (failure === 'connect_timeout') outlier?.onTimeout(host);
    else outlier?.onConnectFailure(host);
    this.#countConnection(-1);
  }

  /** Of an endpoint, from the attempt on. */
  #countConnection(change: 1 | -1): void {
    this.#breakers().countConnection(change);
    this.#host?.countConnection(change);
  }

  #breakers() {
    return (this.#cluster as UpstreamCluster).breakers('default');
  }

  #connect(): void {
    const chosen = this.#choose();
    const serving = chosen?.servingCluster(this.#setup.random());
    const cluster = serving?.cluster ?? chosen;
    if (cluster === undefined && this.#fetch()) return;
    if (cluster === undefined) {
      this.#setup.stats.noRoute++;
      this.#flags |= flag.noClusterFound;
      this.#finish('unsent', closeReasons.noRoute);
      return;
    }
    this.#cluster = cluster;
    const { tunnel } = this.#setup;
    const host = cluster.chooseHost(this, serving?.priority);
    if (host === undefined) {
      cluster.stats.n.upstreamCxNoneHealthy++;
      this.#flags |= flag.noHealthyUpstream;
      this.#finish('unsent', closeReasons.noHealthyUpstream);
      return;
    }
    const { maxHostConnections = Number.POSITIVE_INFINITY } = cluster.model;
    const mayConnect = this.#breakers().mayConnect() && host.connections < maxHostConnections;
    // Of tunnels the pool knows the limits, and of those that wait for one.
    if (tunnel === undefined && !mayConnect) {
      cluster.stats.n.upstreamCxOverflow++;
      this.#flags |= flag.upstreamOverflow;
      this.#finish('unsent', closeReasons.overflow);
      return;
    }
    this.#host = host;
    this.#attempts++;
    if (tunnel !== undefined) {
      this.#connecting = tunnel.open(cluster, host, this.#info, this.#streamInfo(), this);
      return;
    }
    this.#countConnection(1);
    host.cxTotal++;
    cluster.stats.n.upstreamCxTotal++;
    cluster.stats.n.upstreamCxActive++;
    cluster.stats.n.upstreamRqPendingTotal++;
    this.#connecting = cluster.connector.connect(host, this, undefined, this.#info);
  }

  /** True where the cluster is being fetched: the connection goes on when it is known how that ends. */
  #fetch(): boolean {
    const { fetchCluster, stats, turn } = this.#setup;
    const name = this.#ref?.name;
    if (fetchCluster === undefined || name === undefined || this.#fetched) return false;
    this.#fetched = true;
    stats.onDemandAttempt++;
    this.#cancelFetch = fetchCluster(name, (outcome) => {
      this.#cancelFetch = undefined;
      if (outcome === 'available') stats.onDemandSuccess++;
      else if (outcome === 'missing') stats.onDemandMissing++;
      else stats.onDemandTimeout++;
      turn.enter();
      try {
        this.#connect();
      } finally {
        turn.leave();
      }
    });
    return true;
  }

  #choose(): UpstreamCluster | undefined {
    this.#ref = this.#chooseRef();
    return this.#ref?.cluster;
  }

  #chooseRef(): ClusterRef | undefined {
    const { targets, totalWeight, random, byServerName } = this.#setup;
    if (byServerName !== undefined && this.#info.serverName !== '') {
      return byServerName(this.#info.serverName);
    }
    const wanted = targets.length === 1 ? 0 : random() * totalWeight;
    const target = targets.length === 1 ? targets[0] : targets.find(({ upTo }) => wanted < upTo);
    this.subset = target?.subset;
    return target?.ref;
  }

  #keepEarly(buffer: Buffer, start: number, end: number): void {
    this.#early.push(Buffer.from(buffer.subarray(start, end)));
    this.#earlyBytes += end - start;
    if (this.#earlyBytes > maxEarlyBytes && !this.#paused) {
      this.#paused = true;
      this.#downstream.pause();
    }
  }

  #onUpstreamBytes(buffer: Buffer, start: number, end: number): void {
    this.#bytesSent += end - start;
    this.#setup.stats.bytesSent += end - start;
    this.#touch();
    this.#downstream.write(buffer, start, end);
    if (!this.#downstream.writable) this.#upstream?.pause();
  }

  #onUpstreamEnd(): void {
    this.#upstreamEnded = true;
    this.#endedByEndpoint = this.#downstreamEnded;
    this.#downstream.end();
    if (this.#downstreamEnded) this.#finish();
  }

  #onUpstreamClose(error: Error | undefined): void {
    if (this.#over) return;
    if (error !== undefined) this.#flags |= flag.upstreamRemoteReset;
    this.#upstreamEnded = true;
    this.#endedByEndpoint = true;
    this.#upstreamClose = closedByPeer(error);
    this.#finish(error === undefined ? 'sent' : 'reset');
  }

  #touch(): void {
    const { idleTimeoutMs, timers } = this.#setup;
    if (idleTimeoutMs > 0) timers.start(this, idleTimeoutMs);
  }

  #finish(end: WireEnd = 'sent', reason?: CloseReason): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#setup.accessLogs.length > 0) this.#noteClose(end, reason);
    const { stats, timers } = this.#setup;
    timers.stop(this);
    if (this.#maxDuration !== undefined) timers.stop(this.#maxDuration);
    if (this.#nextLog !== undefined) timers.stop(this.#nextLog);
    if (this.#nextReport !== undefined) timers.stop(this.#nextReport);
    stats.cxActive--;
    this.#connecting?.cancel();
    this.#cancelFetch?.();
    this.#host?.others?.delete(this);
    const counts = this.#setup.tunnel === undefined;
    if (this.#connecting !== undefined && counts) {
      this.#countConnection(-1);
      (this.#cluster as UpstreamCluster).stats.countClosed(connectionEnd(false, false));
    }
    const upstream = this.#upstream;
    if (upstream !== undefined) {
      if (counts) {
        (this.#host as Host).active--;
        const { stats: ofCluster } = this.#cluster as UpstreamCluster;
        ofCluster.n.upstreamRqActive--;
        ofCluster.countClosed(connectionEnd(this.#endedByEndpoint, true));
        this.#countConnection(-1);
      }
      endWire(upstream, end);
    }
    endWire(this.#downstream, end);
    if (this.#cell !== undefined) {
      this.#cell.closed++;
      this.#report(this.#cell);
    }
    this.#log('TcpConnectionEnd');
    this.#onClosed();
  }

  /** How the two connections end, for logs. */
  #noteClose(end: WireEnd, reason: CloseReason | undefined): void {
    const byClient = this.#downstreamClose;
    this.#downstreamClose ??= { type: end === 'reset' ? 'LocalReset' : 'Normal', reason: reason ?? '' };
    if (this.#upstream === undefined) return;
    const cause = byClient?.type === 'RemoteReset' ? 'reset' : 'remote';
    this.#upstreamClose ??= {
      type: end === 'reset' ? 'LocalReset' : 'Normal',
      reason: reason ?? (this.#upstreamEnded ? '' : upstreamCloseReasons[cause]),
    };
  }

  /** What is known now. */
  #streamInfo(logType?: AccessLogType): StreamInfo {
    return new TcpStreamInfo(this.#info, {
      flags: this.#flags,
      bytesReceived: this.#bytesReceived,
      bytesSent: this.#bytesSent,
      startWallMs: this.#startWallMs,
      durationMs: this.#setup.turn.nowMs - this.#startMs,
      attempts: this.#attempts,
      host: this.#host,
      cluster: this.#cluster,
      failure: this.#failure,
      downstreamClose: this.#downstreamClose,
      upstreamClose: this.#upstreamClose,
      logType,
      upstream: this.#upstream,
      upstreamLocal: this.#upstreamLocal,
      upstreamConnectionId: this.#upstreamId,
    });
  }
}
