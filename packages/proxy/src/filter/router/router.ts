import type { Host } from '../../cluster/host.ts';
import { TerminatedConnect } from '../../cluster/pool/terminated-connect.ts';
import type { UpstreamCluster } from '../../cluster/upstream-cluster.ts';
import type { HttpVersion, ResponseHead } from '../../codec/head.ts';
import type { ByteMeter } from '../../codec/byte-meter.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';
import { names } from '../../codec/header-name.ts';
import type { AttemptFailure } from '../../route/retry-policy.ts';
import type { CompiledForward } from '../../route/route-action.ts';
import type { CompiledRoute } from '../../route/virtual-host.ts';
import { flag } from '../../telemetry/response-flags.ts';
import { Attempt, type AttemptOutcome, type AttemptOwner } from '../../attempt/attempt.ts';
import { attemptLog } from './attempt-log.ts';
import {
  failureBody,
  failureDetails,
  failureReports,
  mayHaveRaced,
  transportFailure,
} from '../../attempt/failure.ts';
import { RequestTries } from './request-tries.ts';
import { startShadows } from './mirror.ts';
import { OtherTries } from './other-tries.ts';
import { Retries } from './retries.ts';
import type { RouterOwner } from './router-owner.ts';
import {
  finishHead,
  setHost,
  timingOfRequest,
  triesOfRequest,
  announceTry,
  announceRest,
  endsTunnel,
} from './upstream-head.ts';

/**
 * Sends one request to an endpoint of its cluster, again where the policy says so, within its time. Where tries are
 * hedged several are under way at a time; the first good answer is taken.
 */
export class Router extends RequestTries implements AttemptOwner {
  readonly #route: CompiledRoute;
  host: Host | undefined;
  /** The one that has had a connection last. */
  connected: Attempt | undefined;
  /** When that was; only where requests are logged. */
  readyMs: number | undefined;
  lastFailure = '';
  /** What went to endpoints, and came; only where it is logged. */
  meters: ByteMeter[] | undefined;
  attempts = 0;
  /** When the client had sent its request. */
  #doneMs = 0;
  #raced = false;
  #timedOutBefore = false;

  constructor(owner: RouterOwner, route: CompiledRoute, action: CompiledForward) {
    super(owner, action);
    this.#route = route;
  }

  /** Chooses the cluster, brings the head into its final form, and makes the first attempt. */
  start(endStream: boolean): void {
    const { owner, action } = this;
    const { head } = owner;
    this.requestDone = endStream;
    const target = this.chooseCluster();
    if (this.cluster !== undefined) this.virtualCluster = this.#route.virtualClusterOf?.(head);
    if (target === undefined) {
      this.over = true;
      this.refuse();
      return;
    }
    const retry = triesOfRequest(head, action);
    if (retry !== undefined && retry.allows(head))
      this.retries = new Retries(retry, this.virtualCluster?.stats);
    this.timing = timingOfRequest(head, action, owner.manager);
    if (this.#route.tellsTries) announceTry(head, this.#route.virtualHost, 1, false);
    finishHead(head, this.#route, action, this.timing, target, owner);
    if (endStream) this.startTimeout();
    if (action.mirrors.length > 0) {
      this.shadows = startShadows(action.mirrors, head, endStream, {
        context: owner.manager,
        bufferLimitBytes: this.bufferLimitBytes,
        timeoutMs: this.timing.globalMs,
      });
    }
    this.#try(false);
  }

  abort(): void {
    this.#end();
    this.attempt?.abort();
  }

  protected startTimeout(): void {
    const { globalMs } = this.timing;
    const { timers, turn } = this.owner.manager;
    this.#doneMs = turn.nowMs;
    if (globalMs > 0) timers.start(this, globalMs);
  }

  get requestVersion(): HttpVersion {
    return this.owner.head.version;
  }

  /**
   * For the cluster that the route names, also where another serves for it. As Envoy, no statuses are counted of
   * requests that ask how the proxy is.
   */
  #countStatus(cluster: UpstreamCluster, status: number): void {
    if (this.owner.healthCheck) return;
    (this.target?.ref.cluster ?? cluster).stats.countStatus(status);
    this.virtualCluster?.stats.countStatus(status);
  }

  #try(fresh: boolean): void {
    const { owner, action } = this;
    const { priority } = action;
    this.attempts++;
    const host = this.chooseHost();
    const cluster = this.cluster as UpstreamCluster;
    if (host === undefined) {
      if (this.hasOthers()) return;
      cluster.stats.n.upstreamCxNoneHealthy++;
      this.#countStatus(cluster, 503);
      owner.addFlag(flag.noHealthyUpstream);
      this.#end();
      this.#reply(503, 'no healthy upstream', 'no_healthy_upstream');
      return;
    }
    this.host = host;
    if (this.attempts > 1 && this.#route.tellsTries)
      announceTry(owner.head, this.#route.virtualHost, this.attempts, this.#timedOutBefore);
    if (this.attempts > 1 && this.requestDone)
      announceRest(owner.head, action, this.timing, owner.manager.turn.nowMs - this.#doneMs);
    if (owner.trace !== undefined) owner.trace.startTry(owner);
    if (action.takesHostOfEndpoint && host.endpoint.hostname !== '') {
      setHost(owner.head, action, host.endpoint.hostname);
    }
    const { timers, heads } = owner.manager;
    const pool = endsTunnel(owner.head, action)
      ? new TerminatedConnect(cluster, host, heads, this.downstream)
      : undefined;
    const attempt = new Attempt(this, cluster, host, priority, timers, pool);
    attempt.watch = attemptLog(owner, attempt, this.attempts);
    if (this.attempt?.over === false) (this.others ??= new OtherTries()).add(this.attempt);
    this.attempt = attempt;
    if (this.requestDone) attempt.startTimers(this.timing);
    attempt.start(fresh);
  }

  onAttemptReady(attempt: Attempt): void {
    const { head, manager } = this.owner;
    this.connected = attempt;
    if (this.virtualCluster !== undefined) this.virtualCluster.stats.n.rqTotal++;
    if (manager.accessLogs.length > 0) this.readyMs = manager.turn.nowMs;
    if (manager.countsBytes) (this.meters ??= []).push(attempt.measure());
    this.send(attempt, head);
  }

  // The endpoint's side

  onAttemptDrain(): void {
    this.owner.resumeRequest();
  }

  onAttemptHead(attempt: Attempt, head: ResponseHead, endStream: boolean): void {
    const { owner } = this;
    if (this.over) {
      owner.manager.heads.releaseResponse(head);
      return;
    }
    if (head.status < 200 && head.status !== 101) {
      if (this.others === undefined) owner.onRouterHead(head, false);
      else owner.manager.heads.releaseResponse(head);
      return;
    }
    if (owner.trace !== undefined) owner.trace.answerTry(head);
    const { stats } = attempt.cluster;
    const policy = this.retries?.policy ?? this.action.retry;
    if (policy !== undefined && policy.retriesStatus(head)) {
      if (this.#mayRetry()) {
        const resetMs = policy.resetAfterMs(head, owner.manager.turn.wallMs);
        if (!endStream) attempt.abort();
        stats.countRetried(head.status);
        owner.manager.heads.releaseResponse(head);
        this.#retry(attempt, { timedOut: false, resetMs });
        return;
      }
      if (this.leaveToOthers(attempt)) {
        this.#countStatus(attempt.cluster, head.status);
        if (!endStream) attempt.abort();
        owner.manager.heads.releaseResponse(head);
        return;
      }
      if (this.retries?.isAtLimit(this.cluster as UpstreamCluster) === true)
        owner.addFlag(flag.upstreamRetryLimitExceeded);
    } else if (this.attempts > 1) {
      stats.n.upstreamRqRetrySuccess++;
      if (this.virtualCluster !== undefined) this.virtualCluster.stats.n.rqRetrySuccess++;
    }
    const { internalRedirect } = this.action;
    if (internalRedirect?.statuses.includes(head.status) === true && this.#redirect(attempt, head, endStream))
      return;
    this.#countStatus(attempt.cluster, head.status);
    this.#take(attempt);
    this.body?.forget();
    if (this.#route.tellsTriesBack) head.headers.set(names.attemptCount, String(this.attempts));
    if (this.cookies !== undefined) for (const line of this.cookies) head.headers.add(names.setCookie, line);
    if (endStream) this.#complete();
    owner.onRouterHead(head, endStream);
  }

  /** This attempt is the one that answers. */
  #take(attempt: Attempt): void {
    this.responding = true;
    this.lastFailure = '';
    const others = this.others;
    if (others === undefined) return;
    const latest = this.attempt;
    this.others = undefined;
    this.retries?.timer?.cancel();
    this.attempt = attempt;
    this.host = attempt.host;
    this.connected = attempt;
    others.abort(attempt);
    if (latest !== attempt) latest?.abort();
  }

  /** Follows a redirect here; false where the client is to have it. */
  #redirect(attempt: Attempt, head: ResponseHead, endStream: boolean): boolean {
    const { owner } = this;
    const n = (this.cluster as UpstreamCluster).stats.n;
    const body = this.body;
    const follow = this.requestDone && body?.lossy !== true ? owner.redirectOf(head, this.action) : undefined;
    if (follow === undefined) {
      n.upstreamInternalRedirectFailed++;
      return false;
    }
    n.upstreamInternalRedirectSucceeded++;
    this.#take(attempt);
    this.#end();
    if (!endStream) attempt.abort();
    follow(body);
    return true;
  }

  onAttemptData(buffer: Buffer, start: number, end: number): void {
    if (!this.over) this.owner.onRouterData(buffer, start, end);
  }

  onAttemptEnd(_attempt: Attempt, trailers: HeaderBlock | undefined): void {
    if (this.over) return;
    this.#complete();
    this.owner.onRouterEnd(trailers);
  }

  onAttemptFailed(attempt: Attempt, outcome: AttemptOutcome, detail: string): void {
    if (this.over) return;
    const { owner } = this;
    const report = failureReports[outcome];
    const transport = transportFailure(outcome, detail);
    this.lastFailure = transport;
    if (owner.trace !== undefined) owner.trace.failTry(report.reason);
    // As Envoy: a host that was not asked is not named.
    if (outcome === 'pending_overflow') this.host = undefined;
    if (this.responding) {
      this.#end();
      owner.onRouterBroken(report.flag, failureDetails(outcome, transport, 'after_response_started'));
      return;
    }
    const { failure } = report;
    if (this.#isKeepAliveRace(attempt, failure)) {
      this.#raced = true;
      this.#try(true);
      return;
    }
    const policy = this.retries?.policy;
    const wanted = failure !== undefined && policy?.retriesFailure(failure, attempt.sent) === true;
    if (wanted && this.#mayRetry()) {
      this.#retry(attempt, { timedOut: outcome === 'per_try_timeout' });
      return;
    }
    if (this.leaveToOthers(attempt)) return;
    if (wanted && this.retries?.isAtLimit(this.cluster as UpstreamCluster) === true)
      owner.addFlag(flag.upstreamRetryLimitExceeded);
    this.#end();
    owner.addFlag(report.flag);
    // As Envoy, which counts no status for what lasted too long.
    if (outcome !== 'max_stream_duration') this.#countStatus(attempt.cluster, report.status);
    this.#reply(
      outcome === 'max_stream_duration' && !this.requestDone ? 408 : report.status,
      failureBody(outcome, this.attempts > 1),
      failureDetails(outcome, transport, 'before_response_started'),
      report.flag === flag.upstreamOverflow ? [['x-envoy-overloaded', 'true']] : [],
    );
  }

  /** Answers in place of an endpoint. */
  #reply(
    status: number,
    body: string,
    details: string,
    headers: readonly (readonly [string, string])[] = [],
  ): void {
    const counted: readonly [string, string] = [names.attemptCount.lower, String(this.attempts)];
    this.owner.reply(status, body, details, {
      headers: this.#route.tellsTriesBack ? [...headers, counted] : headers,
    });
  }

  /** A try has taken too long; true where it goes on beside the next one. */
  hedges(attempt: Attempt): boolean {
    if (!this.timing.hedge || this.responding) return false;
    // As Envoy: whatever the conditions of the policy, as long as tries are left.
    if (this.#mayRetry()) {
      this.#retry(attempt, { timedOut: true });
    }
    return true;
  }

  /** True where the endpoint has most likely not seen the request: it goes out once more, on a new connection. */
  #isKeepAliveRace(attempt: Attempt, failure: AttemptFailure | undefined): boolean {
    if (this.#raced || this.bodySeen) return false;
    // A stream that was refused has not been looked at (RFC 9113 section 8.7): any method may go again.
    if (failure === 'refused') return true;
    return failure === 'reset' && this.requestDone && mayHaveRaced(attempt, this.owner.head.method);
  }

  #mayRetry(): boolean {
    const { retries } = this;
    if (retries === undefined || retries.left === 0 || this.body?.lossy === true) return false;
    if (retries.timer !== undefined) return false;
    const cluster = this.cluster as UpstreamCluster;
    if (retries.admits(cluster, this.action.priority)) return true;
    this.owner.addFlag(flag.upstreamOverflow);
    return false;
  }

  /** Makes another try after a while: what the endpoint asks for (`resetMs`), or the policy's back-off. */
  #retry(
    attempt: Attempt,
    after: { readonly timedOut: boolean; readonly resetMs?: number | undefined },
  ): void {
    this.#timedOutBefore = after.timedOut;
    const retries = this.retries as Retries;
    const { manager } = this.owner;
    const cluster = this.cluster as UpstreamCluster;
    retries.begin(cluster, this.action.priority, attempt.host);
    const waitMs = retries.waitMs(cluster, manager.random(), after.resetMs);
    retries.timer = manager.clock.after(waitMs, () => {
      retries.timer = undefined;
      manager.turn.enter();
      try {
        if (!this.over) this.#try(false);
      } finally {
        manager.turn.leave();
      }
    });
  }

  /** The time for the whole request is over. */
  onExpire(): void {
    if (this.over) return;
    const { owner } = this;
    const cluster = this.cluster as UpstreamCluster;
    cluster.stats.n.upstreamRqTimeout++;
    if (this.virtualCluster !== undefined) this.virtualCluster.stats.n.rqTimeout++;
    if (this.host !== undefined) this.host.rqTimeout++;
    const begun = this.responding;
    if (!begun) {
      this.attempt?.onTimedOut();
      this.#countStatus(cluster, 504);
      owner.addFlag(flag.upstreamRequestTimeout);
    }
    this.abort();
    if (begun) {
      owner.onRouterBroken(flag.upstreamRequestTimeout, 'response_timeout');
      return;
    }
    this.#reply(504, 'upstream request timeout', 'response_timeout');
  }

  /** The answer has come whole. */
  #complete(): void {
    const { owner, virtualCluster } = this;
    // As Envoy, an answer to a request that is not complete yet has taken no time.
    if (virtualCluster !== undefined && this.requestDone && !owner.healthCheck)
      virtualCluster.stats.requestTime.record(owner.manager.turn.nowMs - this.#doneMs);
    this.#end();
  }

  #end(): void {
    if (this.over) return;
    this.over = true;
    this.countdown?.stop();
    this.retries?.end();
    this.body = undefined;
    const others = this.others;
    this.others = undefined;
    others?.abort();
    if (this.shadows !== undefined) for (const shadow of this.shadows) if (shadow.incomplete) shadow.abort();
  }
}
