import type { Host, HostUser } from '../cluster/host.ts';
import type { ConnectListener, PendingConnection } from '../cluster/connector.ts';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import type { HostRequest } from '../cluster/host-request.ts';
import type { PoolFailure } from '../cluster/pool/http-pool.ts';
import type { UpstreamCluster } from '../cluster/upstream-cluster.ts';
import { connectionEnd } from '../codec/connection-end.ts';
import type { SubsetCriteria } from '../decide/subset-criteria.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import { endAndClose } from '../listener/end-and-close.ts';
import type { CancelDemand } from '../on-demand/on-demand.ts';
import type { SocketAddress } from '../model/address.ts';
import type { Metadata } from '../model/metadata.ts';
import { flag } from '../telemetry/response-flags.ts';
import { closedByPeer, closeReasons, type CloseReason } from './close-reasons.ts';
import type { Expirable, Countdown } from '../timer/coarse-timers.ts';
import { Deadline } from '../timer/deadline.ts';
import { deafHandler } from '../wire/deaf-handler.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import { endWire, type WireEnd } from './end-wire.ts';
import type { TcpProxySetup } from './tcp-proxy-setup.ts';
import { TcpRecord } from './tcp-record.ts';
import type { TcpUpstream, TunnelListener } from './tunnel.ts';

/** What is kept of a client's bytes until the endpoint is connected. */
const maxEarlyBytes = 1024 * 1024;

/** Carries bytes between a client and an endpoint, each direction ending by itself. */
export class TcpConnection
  extends TcpRecord
  implements Expirable, WireHandler, ConnectListener, TunnelListener, HostRequest, HostUser
{
  countdown: Countdown | undefined = undefined;
  readonly #downstream: Wire;
  readonly #onClosed: () => void;
  #connecting: PendingConnection | undefined;
  #early: Buffer[] = [];
  #earlyBytes = 0;
  #downstreamEnded = false;
  /** It was the endpoint that ended, or was the last to end, its half. */
  #endedByEndpoint = false;
  #paused = false;
  #over = false;
  #ref: ClusterRef | undefined;
  /** True once the cluster was asked for. */
  #fetched = false;
  #cancelFetch: CancelDemand | undefined;
  #maxDuration: Deadline | undefined;
  subset: SubsetCriteria | undefined;

  constructor(setup: TcpProxySetup, downstream: Wire, info: ConnectionInfo, onClosed: () => void) {
    super(setup, info);
    this.#downstream = downstream;
    this.#onClosed = onClosed;
    setup.stats.cxTotal++;
    setup.stats.cxActive++;
    downstream.handler = this;
    if (setup.maxDurationMs > 0) {
      this.#maxDuration = new Deadline(() => this.#endOfTime());
      setup.timers.start(this.#maxDuration, setup.maxDurationMs);
    }
    this.#touch();
    this.#connect();
  }

  // HostRequest

  get originalDestination(): SocketAddress | undefined {
    return this.info.originalDestination;
  }

  get dynamicMetadata(): Metadata | undefined {
    return this.info.metadata;
  }

  readonly selection = 0;

  hash(): bigint | undefined {
    return this.setup.hash?.(this.info.remote.address);
  }

  // What the client sends

  onBytes(buffer: Buffer, start: number, end: number): void {
    const upstream = this.upstream;
    if (upstream === undefined) {
      this.#keepEarly(buffer, start, end);
      return;
    }
    this.#countReceived(end - start);
    this.#touch();
    upstream.write(buffer, start, end);
    if (!upstream.writable) this.#downstream.pause();
  }

  onEnd(): void {
    this.#downstreamEnded = true;
    if (this.upstream === undefined) return;
    this.upstream.end();
    if (this.upstreamEnded) this.#finish();
  }

  onDrain(): void {
    this.upstream?.resume();
  }

  onClose(error: Error | undefined): void {
    if (this.#over) return;
    // Where it has come to an endpoint Envoy flags no end by the client.
    const isByClient = this.info.refusal === undefined;
    if (this.upstream === undefined && isByClient) this.flags |= flag.downstreamConnectionTermination;
    this.#downstreamEnded = true;
    if (isByClient) this.downstreamClose = closedByPeer(error);
    this.#finish(error === undefined ? 'sent' : 'reset');
  }

  onExpire(): void {
    // As Envoy, which flags a stream of HTTP for that and not a connection.
    this.setup.stats.idleTimeout++;
    if (this.#connecting !== undefined) this.flags |= flag.upstreamConnectionFailure;
    this.#finish('unsent', closeReasons.idleTimeout);
  }

  #endOfTime(): void {
    this.setup.stats.maxDuration++;
    this.flags |= flag.durationTimeout;
    this.#finish('unsent', closeReasons.maxDuration);
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
    const host = this.host as Host;
    const cluster = this.cluster as UpstreamCluster;
    if (this.setup.tunnel === undefined) {
      // As Envoy, whose pools take a connection for one request.
      host.active++;
      host.rqTotal++;
      cluster.stats.n.upstreamRqTotal++;
      cluster.stats.n.upstreamRqActive++;
      this.#countPending(-1);
    }
    if (cluster.model.closeConnectionsOnHealthFailure === true) (host.others ??= new Set()).add(this);
    cluster.outlier?.onTcpConnected(host);
    this.noteConnected(wire, cluster);
    wire.handler = {
      onBytes: (buffer, start, end) => this.#onUpstreamBytes(buffer, start, end),
      onEnd: () => this.#onUpstreamEnd(),
      onDrain: () => this.#downstream.resume(),
      onClose: (error) => this.#onUpstreamClose(error),
    };
    if (this.setup.logOnConnected) this.log('TcpUpstreamConnected');
    this.#countReceived(this.#earlyBytes);
    for (const bytes of this.#early) wire.write(bytes, 0, bytes.length);
    this.#early = [];
    if (this.#paused) {
      this.#paused = false;
      this.#downstream.resume();
    }
    if (this.#downstreamEnded) wire.end();
    this.#touch();
  }

  onFailed(failure: PoolFailure, detail: string): void {
    this.#connecting = undefined;
    const { stats } = this.cluster as UpstreamCluster;
    const isFull = failure === 'overflow' || failure === 'pending_overflow';
    if (this.setup.tunnel === undefined && !isFull) this.#countFailure(failure);
    this.failure = detail;
    // As Envoy: a pool that is full is no connection that has failed.
    if (!isFull) this.flags |= flag.upstreamConnectionFailure;
    if (this.attempts < this.setup.maxConnectAttempts) {
      this.#connect();
      return;
    }
    stats.n.upstreamCxConnectAttemptsExceeded++;
    this.flags |= flag.connectAttemptsExceeded;
    this.#finish('unsent', closeReasons.connectFailed);
  }

  #countFailure(failure: PoolFailure): void {
    const host = this.host as Host;
    host.cxConnectFail++;
    const { stats, outlier } = this.cluster as UpstreamCluster;
    stats.countConnectFailure(failure === 'connect_timeout', 1);
    if (failure === 'connect_timeout') outlier?.onTimeout(host);
    else outlier?.onConnectFailure(host);
    this.#countPending(-1);
    this.#countConnection(-1);
  }

  /** Of an endpoint, from the attempt on. */
  #countConnection(change: 1 | -1): void {
    this.#breakers().countConnection(change);
    this.host?.countConnection(change);
  }

  /** As Envoy, whose pools take a connection that is being made for a request that waits. */
  #countPending(change: 1 | -1): void {
    this.#breakers().countPending(change);
    (this.cluster as UpstreamCluster).stats.n.upstreamRqPendingActive += change;
    if (this.host !== undefined) this.host.waiting += change;
  }

  #breakers() {
    return (this.cluster as UpstreamCluster).breakers('default');
  }

  #connect(): void {
    const chosen = this.#choose();
    const serving = chosen?.servingCluster(this.setup.random());
    const cluster = serving?.cluster ?? chosen;
    if (cluster === undefined && this.#fetch()) return;
    if (cluster === undefined) {
      this.setup.stats.noRoute++;
      this.flags |= flag.noClusterFound;
      this.#finish('unsent', closeReasons.noRoute);
      return;
    }
    this.cluster = cluster;
    const { tunnel } = this.setup;
    const host = cluster.chooseHost(this, serving?.priority);
    if (host === undefined) {
      cluster.stats.n.upstreamCxNoneHealthy++;
      this.flags |= flag.noHealthyUpstream;
      this.#finish('unsent', closeReasons.noHealthyUpstream);
      return;
    }
    const { maxHostConnections = Number.POSITIVE_INFINITY } = cluster.model;
    const mayConnect = this.#breakers().mayConnect() && host.connections < maxHostConnections;
    // Of tunnels the pool knows the limits, and of those that wait for one.
    if (tunnel === undefined && !mayConnect) {
      cluster.stats.n.upstreamCxOverflow++;
      this.flags |= flag.upstreamOverflow;
      this.#finish('unsent', closeReasons.overflow);
      return;
    }
    this.attempts++;
    if (tunnel === undefined && !this.#breakers().mayWait()) {
      cluster.stats.n.upstreamRqPendingOverflow++;
      this.onFailed('pending_overflow', '');
      return;
    }
    this.host = host;
    if (tunnel !== undefined) {
      this.#connecting = tunnel.open(cluster, host, this.info, this.streamInfo(), this);
      return;
    }
    this.#countConnection(1);
    this.#countPending(1);
    host.cxTotal++;
    cluster.stats.n.upstreamCxTotal++;
    cluster.stats.n.upstreamCxActive++;
    cluster.stats.n.upstreamRqPendingTotal++;
    this.#connecting = cluster.connector.connect(host, this, undefined, this.info);
  }

  /** True where the cluster is being fetched: the connection goes on when it is known how that ends. */
  #fetch(): boolean {
    const { fetchCluster, stats, turn } = this.setup;
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
    const { targets, totalWeight, random, byServerName } = this.setup;
    if (byServerName !== undefined && this.info.serverName !== '') {
      return byServerName(this.info.serverName);
    }
    const wanted = targets.length === 1 ? 0 : random() * totalWeight;
    const target = targets.length === 1 ? targets[0] : targets.find(({ upTo }) => wanted < upTo);
    this.subset = target?.subset;
    return target?.ref;
  }

  #countReceived(bytes: number): void {
    this.bytesReceived += bytes;
    this.setup.stats.bytesReceived += bytes;
  }

  /** What waits is not counted before it goes on: Envoy does not read it. */
  #keepEarly(buffer: Buffer, start: number, end: number): void {
    this.#early.push(Buffer.from(buffer.subarray(start, end)));
    this.#earlyBytes += end - start;
    if (this.#earlyBytes > maxEarlyBytes && !this.#paused) {
      this.#paused = true;
      this.#downstream.pause();
    }
  }

  #onUpstreamBytes(buffer: Buffer, start: number, end: number): void {
    this.bytesSent += end - start;
    this.setup.stats.bytesSent += end - start;
    this.#touch();
    this.#downstream.write(buffer, start, end);
    if (!this.#downstream.writable) this.upstream?.pause();
  }

  #onUpstreamEnd(): void {
    this.upstreamEnded = true;
    this.#endedByEndpoint = this.#downstreamEnded;
    this.#downstream.end();
    if (this.#downstreamEnded) this.#finish();
  }

  #onUpstreamClose(error: Error | undefined): void {
    if (this.#over) return;
    if (error !== undefined) this.flags |= flag.upstreamRemoteReset;
    this.upstreamEnded = true;
    this.#endedByEndpoint = true;
    this.upstreamClose = closedByPeer(error);
    this.#finish(error === undefined ? 'sent' : 'reset');
  }

  #touch(): void {
    const { idleTimeoutMs, timers } = this.setup;
    if (idleTimeoutMs > 0) timers.start(this, idleTimeoutMs);
  }

  #finish(end: WireEnd = 'sent', reason?: CloseReason): void {
    if (this.#over) return;
    this.#over = true;
    if (this.setup.accessLogs.length > 0) this.noteClose(end, reason);
    const { stats, timers } = this.setup;
    timers.stop(this);
    if (this.#maxDuration !== undefined) timers.stop(this.#maxDuration);
    stats.cxActive--;
    this.#connecting?.cancel();
    this.#cancelFetch?.();
    this.host?.others?.delete(this);
    const counts = this.setup.tunnel === undefined;
    if (this.#connecting !== undefined && counts) {
      this.#countPending(-1);
      this.#countConnection(-1);
      (this.cluster as UpstreamCluster).stats.countClosed(connectionEnd(false, false));
    }
    const upstream = this.upstream;
    if (upstream !== undefined) {
      if (counts) {
        (this.host as Host).active--;
        const { stats: ofCluster } = this.cluster as UpstreamCluster;
        ofCluster.n.upstreamRqActive--;
        ofCluster.countClosed(connectionEnd(this.#endedByEndpoint, true));
        this.#countConnection(-1);
      }
      endWire(upstream, end);
    }
    if (end === 'sent' && !this.#downstreamEnded) this.#endClient();
    else endWire(this.#downstream, end);
    this.tellEnd();
    this.#onClosed();
  }

  /** The client is sent what waits, and hears the end; one that stays is not waited for. */
  #endClient(): void {
    const { timers } = this.setup;
    const wire = this.#downstream;
    wire.handler = { ...deafHandler, onClose: () => timers.stop(lingering) };
    wire.resume();
    const lingering = endAndClose(wire, timers);
  }
}
