import { formatGrpcTimeout } from '../codec/grpc-timeout.ts';
import type { RequestHead } from '../codec/head.ts';
import { names } from '../codec/header-name.ts';
import type { ServerStream } from '../codec/stream.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { LogTimes } from '../model/network-filter.ts';
import { cappedGrpcMs } from '../route/request-timing.ts';
import type { CompiledForward } from '../route/route-action.ts';
import { flag } from '../telemetry/response-flags.ts';
import type { ConnectionManager } from './connection-manager.ts';
import { ExchangeBodies } from './exchange-bodies.ts';
import type { LocalReplyOptions } from './http-filter.ts';
import { StreamLimits } from './stream-limits.ts';

/** DEADLINE_EXCEEDED, as Envoy has it for a stream that lasts too long. */
const overDeadline: LocalReplyOptions = { grpcStatus: 4 };

/** How long a request and its stream may take, and what is done with it later or at intervals. */
export abstract class ExchangeLimits extends ExchangeBodies {
  /** How long the stream may be silent; 0: for ever. */
  #idleMs: number;
  #limits: StreamLimits | undefined;

  constructor(
    manager: ConnectionManager,
    connection: ConnectionInfo,
    stream: ServerStream,
    head: RequestHead,
  ) {
    super(manager, connection, stream, head);
    this.#idleMs = manager.model.streamIdleTimeoutMs;
  }

  abstract reply(status: number, body: string, details: string, options?: LocalReplyOptions): void;

  /** Those of the connection manager, from the beginning on. */
  protected startLimits(): void {
    const { model, timers } = this.manager;
    if (this.#idleMs > 0) timers.start(this, this.#idleMs);
    if (model.requestTimeoutMs > 0 && this.requestDoneMs === undefined) this.#limitRequest();
  }

  protected stopLimits(): void {
    this.manager.timers.stop(this);
    this.#limits?.stop();
  }

  /** Lines before the end, where they are asked for. */
  protected logBefore({ onRequest, intervalMs }: LogTimes): void {
    if (onRequest) this.log('DownstreamStart');
    if (intervalMs > 0) this.#limitsOf().repeat(intervalMs, () => this.log('DownstreamPeriodic'));
  }

  #limitRequest(): void {
    const { manager } = this;
    this.#limitsOf().limitRequest(manager.model.requestTimeoutMs, () => {
      manager.stats.n.rqTimeout++;
      this.#endForTime('request timeout', 'request_overall_timeout');
    });
  }

  #limitsOf(): StreamLimits {
    return (this.#limits ??= new StreamLimits(this.manager.timers));
  }

  /**
   * The limits of the route in place of those of the connection manager, or of the route before. As in Envoy the idle time of
   * that one stays where this one has none.
   */
  protected limitStream(action: CompiledForward): void {
    const { manager } = this;
    const { idleTimeoutMs, maxDurationMs } = action.streamLimits ?? {};
    if (idleTimeoutMs !== undefined) {
      this.#idleMs = idleTimeoutMs;
      if (idleTimeoutMs > 0) manager.timers.start(this, idleTimeoutMs);
      else manager.timers.stop(this);
    }
    const { grpcTimeoutHeaderMaxMs, grpcTimeoutHeaderOffsetMs = 0 } = action.model;
    const capped =
      grpcTimeoutHeaderMaxMs === undefined ? undefined : cappedGrpcMs(this.head, grpcTimeoutHeaderMaxMs, 0);
    const asked =
      capped === undefined || grpcTimeoutHeaderOffsetMs >= capped
        ? capped
        : capped - grpcTimeoutHeaderOffsetMs;
    // The endpoint is to know the deadline that holds here, not the one that the client asked for.
    if (asked !== undefined && asked > 0) this.head.headers.set(names.grpcTimeout, formatGrpcTimeout(asked));
    const durationMs = asked ?? maxDurationMs ?? manager.model.maxStreamDurationMs;
    this.limitDuration(durationMs);
  }

  /** Counted from the start of the stream, which is past where another route is taken; 0: no limit. */
  protected limitDuration(ms: number): void {
    if (ms === 0 && this.#limits === undefined) return;
    const leftMs = ms === 0 ? 0 : Math.max(1, ms - (this.manager.turn.nowMs - this.startMs));
    this.#limitsOf().limitDuration(leftMs, () => {
      this.manager.stats.n.rqMaxDurationReached++;
      this.#endForTime('downstream duration timeout', 'max_duration_timeout', overDeadline);
    });
  }

  /** Time is over: the client is told, or, where the answer has begun, cut off. */
  #endForTime(body: string, details: string, options?: LocalReplyOptions): void {
    if (this.state === 'done') return;
    if (this.state === 'responding') {
      this.details = details;
      this.router?.abort();
      this.manager.stats.n.rqTxReset++;
      this.stream.reset();
      this.finish();
    } else {
      this.reply(this.requestDoneMs === undefined ? 408 : 504, body, details, options);
    }
  }

  later(delayMs: number, run: () => void): void {
    this.#limitsOf().wait(this.manager.clock, delayMs, () => this.inTurn(run));
  }

  inTurn(run: () => void): void {
    if (this.state === 'done') return;
    const { turn } = this.manager;
    turn.enter();
    try {
      run();
    } finally {
      turn.leave();
    }
  }

  protected onRequestComplete(): void {
    this.#limits?.endRequest();
  }

  /** The stream has been idle for too long. */
  onExpire(): void {
    if (this.state === 'done') return;
    const { timers, turn } = this.manager;
    const leftMs = this.lastActivityMs + this.#idleMs - turn.nowMs;
    if (leftMs > 0) {
      timers.startRest(this, this.#idleMs, leftMs);
      return;
    }
    this.manager.stats.n.rqIdleTimeout++;
    this.flags |= flag.streamIdleTimeout;
    this.#endForTime('stream timeout', 'stream_idle_timeout');
  }
}
