import type { ResponseHead } from '../../codec/head.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';
import { formatAddress } from '../../model/address.ts';
import { noBytes } from '../../codec/byte-meter.ts';
import type { CompiledAccessLog } from '../../telemetry/access-log.ts';
import type { AccessLogType, StreamInfo } from '../../telemetry/stream-info.ts';
import type { CoarseTimers } from '../../timer/coarse-timers.ts';
import { Deadline } from '../../timer/deadline.ts';
import { timesSince } from '../../wire/connect-times.ts';
import type { Turn } from '../../wire/turn.ts';
import type { Attempt, AttemptOutcome, AttemptWatch } from '../../attempt/attempt.ts';
import { failureDetails, failureReports, transportFailure } from '../../attempt/failure.ts';

/** Where tries are logged. */
export interface AttemptLogs {
  readonly logs: readonly CompiledAccessLog[];
  /** Also when a try has a connection. */
  readonly onReady: boolean;
  /** Also while a try lasts; 0: not. */
  readonly intervalMs: number;
}

interface Surroundings extends StreamInfo {
  readonly manager: {
    readonly attemptLogs: AttemptLogs | undefined;
    readonly turn: Turn;
    readonly timers: CoarseTimers;
  };
}

/** What logs a try of a request; undefined where nobody asks for it. */
export function attemptLog(request: Surroundings, attempt: Attempt, number: number): AttemptLog | undefined {
  const { attemptLogs } = request.manager;
  return attemptLogs === undefined ? undefined : new AttemptLog(attemptLogs, request, attempt, number);
}

/** Tells logs of a try when it is over, and where it is asked for before, as of a request of its own to the endpoint (Envoy, the router's `upstream_log`). */
class AttemptLog implements AttemptWatch {
  readonly #logs: AttemptLogs;
  readonly #request: Surroundings;
  readonly #turn: Turn;
  readonly #attempt: Attempt;
  readonly #number: number;
  readonly #startMs: number;
  readonly #startWallMs: number;
  #head: ResponseHead | undefined;
  #headMs: number | undefined;
  #sent = 0;
  #received = 0;
  #over = false;
  #next: Deadline | undefined;

  constructor(logs: AttemptLogs, request: Surroundings, attempt: Attempt, number: number) {
    const { turn, timers } = request.manager;
    this.#logs = logs;
    this.#request = request;
    this.#turn = turn;
    this.#attempt = attempt;
    this.#number = number;
    this.#startMs = turn.nowMs;
    this.#startWallMs = turn.wallMs;
    const { intervalMs } = logs;
    if (intervalMs === 0) return;
    const next = new Deadline(() => {
      this.#tell('UpstreamPeriodic', 0, '', '', undefined);
      timers.start(next, intervalMs);
    });
    this.#next = next;
    timers.start(next, intervalMs);
  }

  onReady(): void {
    if (this.#logs.onReady) this.#tell('UpstreamPoolReady', 0, '', '', undefined);
  }

  onHead(head: ResponseHead): void {
    this.#head = head;
    this.#headMs = this.#turn.nowMs;
  }

  onSent(bytes: number): void {
    this.#sent += bytes;
  }

  onReceived(bytes: number): void {
    this.#received += bytes;
  }

  onOver(outcome: AttemptOutcome | 'answered' | 'given_up', detail: string, trailers?: HeaderBlock): void {
    if (this.#over) return;
    this.#over = true;
    if (this.#next !== undefined) this.#request.manager.timers.stop(this.#next);
    if (outcome === 'answered') {
      this.#tell('UpstreamEnd', 0, 'via_upstream', '', trailers);
    } else if (outcome === 'given_up') {
      const { flags, details } = this.#request;
      this.#tell('UpstreamEnd', flags, details, '', undefined);
    } else {
      const transport = transportFailure(outcome, detail);
      const when = this.#head === undefined ? 'before_response_started' : 'after_response_started';
      const details = failureDetails(outcome, transport, when);
      this.#tell('UpstreamEnd', failureReports[outcome].flag, details, transport, undefined);
    }
  }

  #tell(
    logType: AccessLogType,
    flags: number,
    details: string,
    failure: string,
    trailers: HeaderBlock | undefined,
  ): void {
    const request = this.#request;
    const { host, localAddress, connectionId, protocol, tls, meter, times } = this.#attempt;
    const nowMs = this.#turn.nowMs;
    const info: StreamInfo = {
      request: request.request,
      response: this.#head,
      responseTrailers: trailers,
      status: this.#head?.status ?? 0,
      flags,
      details,
      bytesReceived: this.#received,
      bytesSent: this.#sent,
      downstreamBytes: request.downstreamBytes,
      upstreamBytes: meter ?? (request.upstreamBytes && noBytes),
      startWallMs: this.#startWallMs,
      durationMs: nowMs - this.#startMs,
      requestDurationMs: undefined,
      connectTimes: times === undefined ? undefined : timesSince(times, this.#startMs),
      responseDurationMs: this.#headMs === undefined ? undefined : this.#headMs - this.#startMs,
      downstreamRemote: request.downstreamRemote,
      downstreamDirectRemote: request.downstreamDirectRemote,
      downstreamLocal: request.downstreamLocal,
      downstreamTls: request.downstreamTls,
      requestedServerName: request.requestedServerName,
      ja3: request.ja3,
      ja4: request.ja4,
      filterChainName: request.filterChainName,
      upstreamHost: formatAddress(host.address),
      upstreamLocal: localAddress,
      upstreamConnectionId: connectionId,
      upstreamProtocol: protocol,
      upstreamTls: tls,
      upstreamCluster: request.upstreamCluster,
      upstreamFailure: failure,
      routeName: request.routeName,
      routeMetadata: request.routeMetadata,
      traceId: request.traceId ?? '',
      logType,
      virtualHost: request.virtualHost,
      attempts: this.#number,
      connectionId: request.connectionId,
      peer: request.peer,
      endpoint: host,
      upstreamModel: request.upstreamModel,
      dynamicMetadata: request.dynamicMetadata,
    };
    for (const log of this.#logs.logs) log.log(info);
  }
}
