import type { Host } from '../cluster/host.ts';
import type { UpstreamCluster } from '../cluster/upstream-cluster.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { ConnectionCell } from '../telemetry/mesh-cells.ts';
import type { AccessLogType, CloseInfo, StreamInfo } from '../telemetry/stream-info.ts';
import { Deadline } from '../timer/deadline.ts';
import { unremarkable, type CloseReason } from './close-reasons.ts';
import type { WireEnd } from './end-wire.ts';
import type { TcpProxySetup } from './tcp-proxy-setup.ts';
import { TcpStreamInfo } from './tcp-stream-info.ts';
import type { TcpUpstream } from './tunnel.ts';

/** What is known of a TCP connection while it lasts: what logs and statistics are told, at its end and at intervals. */
export abstract class TcpRecord {
  protected readonly setup: TcpProxySetup;
  protected readonly info: ConnectionInfo;
  readonly #startWallMs: number;
  readonly #startMs: number;
  protected upstream: TcpUpstream | undefined;
  protected upstreamEnded = false;
  /** Our end of the connection to the endpoint; only for access logs. */
  #upstreamLocal = '';
  #upstreamId: number | undefined;
  protected cluster: UpstreamCluster | undefined;
  protected host: Host | undefined;
  protected attempts = 0;
  protected bytesReceived = 0;
  protected bytesSent = 0;
  protected flags = 0;
  protected failure = '';
  protected downstreamClose: CloseInfo | undefined;
  protected upstreamClose: CloseInfo | undefined;
  #cell: ConnectionCell | undefined;
  #nextLog: Deadline | undefined;
  #nextReport: Deadline | undefined;
  /** What of the bytes the cell has been told. */
  #reportedReceived = 0;
  #reportedSent = 0;

  constructor(setup: TcpProxySetup, info: ConnectionInfo) {
    this.setup = setup;
    this.info = info;
    this.#startWallMs = setup.turn.wallMs;
    this.#startMs = setup.turn.nowMs;
    if (setup.logIntervalMs > 0) this.#logLater();
  }

  /** The endpoint is connected. */
  protected noteConnected(upstream: TcpUpstream, cluster: UpstreamCluster): void {
    const { accessLogs, observe, reportIntervalMs } = this.setup;
    this.upstream = upstream;
    // The kernel forgets it with the connection, and access logs ask afterwards.
    if (accessLogs.length > 0) {
      this.#upstreamLocal = `${upstream.localAddress}:${upstream.localPort}`;
      this.#upstreamId = cluster.nextConnectionId();
    }
    this.#cell = observe?.(this.streamInfo());
    if (this.#cell === undefined) return;
    this.#cell.opened++;
    if (reportIntervalMs > 0) this.#reportLater();
  }

  /** Tells logs and statistics that the connection is over. */
  protected tellEnd(): void {
    const { timers } = this.setup;
    if (this.#nextLog !== undefined) timers.stop(this.#nextLog);
    if (this.#nextReport !== undefined) timers.stop(this.#nextReport);
    if (this.#cell !== undefined) {
      this.#cell.closed++;
      this.#report(this.#cell);
    }
    this.log('TcpConnectionEnd');
  }

  #logLater(): void {
    this.#nextLog ??= new Deadline(() => {
      this.log('TcpPeriodic');
      this.#logLater();
    });
    this.setup.timers.start(this.#nextLog, this.setup.logIntervalMs);
  }

  #reportLater(): void {
    this.#nextReport ??= new Deadline(() => {
      if (this.#cell !== undefined) this.#report(this.#cell);
      this.#reportLater();
    });
    this.setup.timers.start(this.#nextReport, this.setup.reportIntervalMs);
  }

  /** Adds the bytes since the last time. */
  #report(cell: ConnectionCell): void {
    cell.receivedBytes += this.bytesReceived - this.#reportedReceived;
    cell.sentBytes += this.bytesSent - this.#reportedSent;
    this.#reportedReceived = this.bytesReceived;
    this.#reportedSent = this.bytesSent;
  }

  protected log(logType: AccessLogType): void {
    const { accessLogs } = this.setup;
    if (accessLogs.length === 0) return;
    const info = this.streamInfo(logType);
    for (const log of accessLogs) log.log(info);
  }

  /** How the two connections end, for logs. */
  protected noteClose(end: WireEnd, reason: CloseReason | undefined): void {
    const byUs: CloseInfo = {
      type: end === 'reset' ? 'LocalReset' : 'Normal',
      reason: reason ?? this.info.refusal?.reason ?? '',
    };
    const byClient = this.downstreamClose;
    this.downstreamClose ??= byUs;
    const isTold = byClient === undefined && this.upstream !== undefined && this.setup.tunnel === undefined;
    this.upstreamClose ??= isTold ? byUs : unremarkable;
  }

  /** What is known now. */
  protected streamInfo(logType?: AccessLogType): StreamInfo {
    return new TcpStreamInfo(this.info, {
      flags: this.flags,
      bytesReceived: this.bytesReceived,
      bytesSent: this.bytesSent,
      startWallMs: this.#startWallMs,
      durationMs: this.setup.turn.nowMs - this.#startMs,
      attempts: this.attempts,
      host: this.host,
      cluster: this.cluster,
      failure: this.failure,
      downstreamClose: this.downstreamClose,
      upstreamClose: this.upstreamClose,
      logType,
      upstream: this.upstream,
      upstreamLocal: this.#upstreamLocal,
      upstreamConnectionId: this.#upstreamId,
    });
  }
}
