import type { HttpVersion, ResponseHead } from '../../codec/head.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';
import { names } from '../../codec/header-name.ts';
import type { Host } from '../../cluster/host.ts';
import type { HostRequest, UpstreamCluster } from '../../cluster/upstream-cluster.ts';
import type { SubsetCriteria } from '../../decide/subset-criteria.ts';
import { formatAddress, type SocketAddress } from '../../model/address.ts';
import type { HashSource } from '../../route/hash-policy.ts';
import type { ClusterTarget, CompiledForward } from '../../route/route-action.ts';
import type { CompiledRoute } from '../../route/route-table.ts';
import { flag } from '../../telemetry/response-flags.ts';
import { Expirable } from '../../timer/coarse-timers.ts';
import type { AttemptFailure } from '../../route/retry-policy.ts';
import { Attempt, type AttemptOutcome, type AttemptOwner } from './attempt.ts';
import { BodyBuffer } from './body-buffer.ts';
import { startShadow, type Shadow } from './mirror.ts';
import { failureBody, failureReports, isIdempotent } from './failure.ts';
import { Retries } from './retries.ts';
import type { RouterOwner } from './router-owner.ts';
import { finishHead, setHost } from './upstream-head.ts';

/** Sends one request to an endpoint of its cluster, again where the policy says so, within its time. */
export class Router extends Expirable implements AttemptOwner, HostRequest, HashSource {
  readonly #owner: RouterOwner;
  readonly #route: CompiledRoute;
  readonly #action: CompiledForward;
  target: ClusterTarget | undefined;
  host: Host | undefined;
  localAddress = '';
  lastFailure = '';
  attempts = 0;
  /** How often a host was chosen that had been tried before, for the attempt under way. */
  selection = 0;
  #hash: { readonly value: bigint | undefined } | undefined;
  #cookies: string[] | undefined;
  /** The one that serves the attempt under way: of an aggregate cluster one of its members. */
  #cluster: UpstreamCluster | undefined;
  #attempt: Attempt | undefined;
  #body: BodyBuffer | undefined;
  #shadows: Shadow[] | undefined;
  #requestDone = false;
  #bodySeen = false;
  /** Undefined where a failed try is final. */
  readonly #retries: Retries | undefined;
  #raced = false;
  #responding = false;
  #over = false;

  constructor(owner: RouterOwner, route: CompiledRoute, action: CompiledForward) {
    super();
    this.#owner = owner;
    this.#route = route;
    this.#action = action;
    const { retry } = action;
    if (retry !== undefined && retry.allows(owner.head)) this.#retries = new Retries(retry.model);
  }

  /** Chooses the cluster, brings the head into its final form, and makes the first attempt. */
  start(endStream: boolean): void {
    const owner = this.#owner;
    const { head } = owner;
    this.#requestDone = endStream;
    const target = this.#action.choose(head, owner.draw);
    const cluster = target?.ref.cluster;
    this.target = target;
    if (target === undefined || cluster === undefined) {
      owner.manager.stats.n.noCluster++;
      owner.addFlag(flag.noClusterFound);
      this.#over = true;
      owner.reply(this.#action.model.clusterNotFoundStatus, '', 'cluster_not_found');
      return;
    }
    this.#cluster = cluster;
    if (cluster.shedsRequest()) {
      cluster.stats.n.upstreamRqDropOverload++;
      owner.addFlag(flag.dropOverload);
      this.#over = true;
      owner.reply(503, 'unconditional drop overload', 'drop_overload', {
        headers: [['x-envoy-unconditional-drop-overload', 'true']],
      });
      return;
    }
    finishHead(owner.head, this.#route, this.#action, target, owner);
    if (endStream) this.#startTimeout();
    if (this.#action.mirrors.length > 0) this.#startShadows(endStream);
    this.#try(false);
  }

  abort(): void {
    this.#end();
    this.#attempt?.abort();
  }

  #startShadows(endStream: boolean): void {
    const { head, manager } = this.#owner;
    for (const mirror of this.#action.mirrors) {
      const shadow = startShadow(mirror, head, endStream, manager.random, manager.bufferLimitBytes);
      if (shadow !== undefined) (this.#shadows ??= []).push(shadow);
    }
  }

  #startTimeout(): void {
    const { timeoutMs } = this.#action.model;
    if (timeoutMs > 0) this.#owner.manager.timers.start(this, timeoutMs);
  }

  get requestVersion(): HttpVersion {
    return this.#owner.head.version;
  }

  /** True while the body may have to be sent once more. */
  get #mayNeedBody(): boolean {
    return this.#retries !== undefined && this.#retries.left > 0;
  }

  // HostRequest

  get avoidPriorities(): ReadonlySet<number> | undefined {
    return this.#retries?.avoidPriorities;
  }

  get originalDestination(): SocketAddress | undefined {
    return this.#owner.connection.originalDestination;
  }

  get subset(): SubsetCriteria | undefined {
    return this.target?.subset;
  }

  hash(): bigint | undefined {
    const { hash } = this.#action;
    if (hash === undefined) return undefined;
    const known = (this.#hash ??= { value: hash(this.#owner.head, this) });
    return known.value;
  }

  // HashSource

  get clientIp(): string {
    return this.#owner.downstreamRemote?.address ?? this.#owner.connection.remote.address;
  }

  get connectionKey(): string {
    const { remote, local } = this.#owner.connection;
    return formatAddress(remote) + formatAddress(local);
  }

  addCookie(line: string): void {
    (this.#cookies ??= []).push(line);
  }

  // Attempts

  #try(fresh: boolean): void {
    const owner = this.#owner;
    const { priority, hostRewrite } = this.#action.model;
    const host = this.#chooseHost();
    const cluster = this.#cluster as UpstreamCluster;
    if (host === undefined) {
      cluster.stats.n.upstreamCxNoneHealthy++;
      owner.addFlag(flag.noHealthyUpstream);
      this.#end();
      owner.reply(503, 'no healthy upstream', 'no_healthy_upstream');
      return;
    }
    this.host = host;
    this.attempts++;
    if (this.#route.virtualHost.includeRequestAttemptCount) {
      owner.head.headers.set(names.attemptCount, String(this.attempts));
    }
    if (hostRewrite?.kind === 'endpoint' && host.endpoint.hostname !== '')
      setHost(owner.head, this.#action, host.endpoint.hostname);
    const attempt = new Attempt(this, cluster, host, priority);
    this.#attempt = attempt;
    const perTryMs = this.#action.retry?.model.perTryTimeoutMs;
    if (perTryMs !== undefined && perTryMs > 0) owner.manager.timers.start(attempt, perTryMs);
    if (!cluster.breakers(priority).mayRequest()) {
      attempt.refuse('overflow', 'too many requests');
      return;
    }
    attempt.start(fresh);
  }

  #chooseHost(): Host | undefined {
    this.selection = 0;
    let host = this.#chooseAny();
    const policy = this.#action.retry?.model;
    const tried = this.#retries?.tried;
    if (tried === undefined || tried.length === 0 || policy?.avoidPreviousHosts !== true) return host;
    for (let i = 0; i < policy.hostSelectionMaxAttempts && host !== undefined && tried.includes(host); i++) {
      this.selection++;
      host = this.#chooseAny();
    }
    return host;
  }

  #chooseAny(): Host | undefined {
    const entry = this.target?.ref.cluster ?? this.#cluster;
    if (entry === undefined) return undefined;
    if (!entry.isAggregate) {
      this.#cluster = entry;
      return entry.chooseHost(this);
    }
    const serving = entry.servingCluster(this.#owner.manager.random());
    this.#cluster = serving?.cluster ?? entry;
    return serving?.cluster.chooseHost(this, serving.priority);
  }

  onAttemptReady(attempt: Attempt): void {
    const { head } = this.#owner;
    this.localAddress = attempt.localAddress;
    const body = this.#body;
    const complete =
      this.#requestDone && (body === undefined || body.bytes === 0) && body?.trailers === undefined;
    attempt.sendHead(head, complete);
    if (complete || body === undefined) return;
    body.forEach((chunk) => attempt.sendData(chunk, 0, chunk.length));
    if (this.#requestDone) attempt.sendEnd(body.trailers);
    if (!this.#mayNeedBody) body.forget();
    if (attempt.writable) this.#owner.resumeRequest();
  }

  // The client's side

  onRequestData(buffer: Buffer, start: number, end: number): void {
    if (this.#over) return;
    this.#bodySeen = true;
    if (this.#shadows !== undefined) for (const shadow of this.#shadows) shadow.sendData(buffer, start, end);
    const attempt = this.#attempt;
    const ready = attempt?.ready === true && !attempt.over;
    if (!ready || this.#mayNeedBody) {
      this.#body ??= new BodyBuffer(this.#owner.manager.bufferLimitBytes);
      if (!this.#body.keep(buffer, start, end)) {
        // Too much for a second try; and what cannot be kept must have somewhere to go.
        this.#retries?.stop();
        if (!ready) {
          this.#replyTooLarge();
          return;
        }
      }
    }
    if (!ready) {
      this.#owner.pauseRequest();
      return;
    }
    attempt.sendData(buffer, start, end);
    if (!attempt.writable) this.#owner.pauseRequest();
  }

  onRequestEnd(trailers: HeaderBlock | undefined): void {
    if (this.#over) return;
    this.#requestDone = true;
    if (this.#shadows !== undefined) for (const shadow of this.#shadows) shadow.sendEnd(trailers);
    if (trailers !== undefined) {
      this.#body ??= new BodyBuffer(this.#owner.manager.bufferLimitBytes);
      this.#body.trailers = trailers;
    }
    if (!this.#responding) this.#startTimeout();
    const attempt = this.#attempt;
    if (attempt?.ready === true && !attempt.over) attempt.sendEnd(trailers);
  }

  #replyTooLarge(): void {
    this.abort();
    this.#owner.reply(413, 'Payload Too Large', 'request_payload_too_large');
  }

  pauseResponse(): void {
    this.#attempt?.pauseResponse();
  }

  resumeResponse(): void {
    this.#attempt?.resumeResponse();
  }

  // The endpoint's side

  onAttemptDrain(): void {
    this.#owner.resumeRequest();
  }

  onAttemptHead(attempt: Attempt, head: ResponseHead, endStream: boolean): void {
    if (this.#over) {
      this.#owner.manager.heads.releaseResponse(head);
      return;
    }
    if (head.status < 200 && head.status !== 101) {
      this.#owner.onRouterHead(head, false);
      return;
    }
    const policy = this.#action.retry;
    if (policy?.retriesStatus(head) === true && this.#mayRetry()) {
      this.#owner.manager.heads.releaseResponse(head);
      if (!endStream) attempt.abort();
      this.#retry(attempt);
      return;
    }
    if (policy?.retriesStatus(head) === true && this.attempts > 1) {
      (this.#cluster as UpstreamCluster).stats.n.upstreamRqRetryLimitExceeded++;
      this.#owner.addFlag(flag.upstreamRetryLimitExceeded);
    } else if (this.attempts > 1) {
      (this.#cluster as UpstreamCluster).stats.n.upstreamRqRetrySuccess++;
    }
    this.#responding = true;
    this.#body?.forget();
    if (this.#route.virtualHost.includeAttemptCountInResponse) {
      head.headers.set(names.attemptCount, String(this.attempts));
    }
    if (this.#cookies !== undefined)
      for (const line of this.#cookies) head.headers.add(names.setCookie, line);
    if (endStream) this.#end();
    this.#owner.onRouterHead(head, endStream);
  }

  onAttemptData(buffer: Buffer, start: number, end: number): void {
    if (!this.#over) this.#owner.onRouterData(buffer, start, end);
  }

  onAttemptEnd(_attempt: Attempt, trailers: HeaderBlock | undefined): void {
    if (this.#over) return;
    this.#end();
    this.#owner.onRouterEnd(trailers);
  }

  onAttemptFailed(attempt: Attempt, outcome: AttemptOutcome, detail: string): void {
    if (this.#over) return;
    const owner = this.#owner;
    const report = failureReports[outcome];
    this.lastFailure = detail;
    if (this.#responding) {
      this.#end();
      const reason = report.reason.replaceAll(' ', '_');
      owner.onRouterBroken(report.flag, `upstream_reset_after_response_started{${reason}}`);
      return;
    }
    const { failure } = report;
    if (this.#isKeepAliveRace(attempt, failure)) {
      this.#raced = true;
      this.#try(true);
      return;
    }
    const policy = this.#action.retry;
    const wanted = failure !== undefined && policy?.retriesFailure(failure, attempt.sent) === true;
    if (wanted && this.#mayRetry()) {
      this.#retry(attempt);
      return;
    }
    if (wanted && this.attempts > 1) {
      (this.#cluster as UpstreamCluster).stats.n.upstreamRqRetryLimitExceeded++;
      owner.addFlag(flag.upstreamRetryLimitExceeded);
    }
    this.#end();
    owner.addFlag(report.flag);
    const body = failureBody(outcome, detail, this.attempts > 1);
    const details =
      outcome === 'per_try_timeout'
        ? 'upstream_per_try_timeout'
        : `upstream_reset_before_response_started{${report.reason.replaceAll(' ', '_')}}`;
    owner.reply(
      report.status,
      body,
      details,
      outcome === 'overflow' ? { headers: [['x-envoy-overloaded', 'true']] } : {},
    );
  }

  /**
   * True where the endpoint most likely closed an idle connection just as the request was sent on it:
   * a request that may be seen twice, without a body, goes out once more on a new connection. So does one that was refused.
   */
  #isKeepAliveRace(attempt: Attempt, failure: AttemptFailure | undefined): boolean {
    // A stream that was refused has not been looked at (RFC 9113 section 8.7): any method may go again.
    if (failure === 'refused') return !this.#raced && !this.#bodySeen;
    return (
      failure === 'reset' &&
      !this.#raced &&
      attempt.reusedConnection &&
      !attempt.headReceived &&
      !this.#bodySeen &&
      this.#requestDone &&
      isIdempotent(this.#owner.head.method)
    );
  }

  #mayRetry(): boolean {
    const retries = this.#retries;
    if (retries === undefined || retries.left === 0 || this.#body?.lossy === true) return false;
    const cluster = this.#cluster as UpstreamCluster;
    if (retries.admits(cluster, this.#action.model.priority)) return true;
    this.#owner.addFlag(flag.upstreamOverflow);
    return false;
  }

  #retry(attempt: Attempt): void {
    const retries = this.#retries as Retries;
    const { manager } = this.#owner;
    retries.begin(this.#cluster as UpstreamCluster, this.#action.model.priority, attempt.host);
    retries.timer = manager.clock.after(retries.backoffMs(manager.random()), () => {
      retries.timer = undefined;
      manager.turn.enter();
      try {
        if (!this.#over) this.#try(false);
      } finally {
        manager.turn.leave();
      }
    });
  }

  /** The time for the whole request is over. */
  onExpire(): void {
    if (this.#over) return;
    const owner = this.#owner;
    const cluster = this.#cluster as UpstreamCluster;
    cluster.stats.n.upstreamRqTimeout++;
    if (this.host !== undefined) this.host.rqTimeout++;
    const begun = this.#responding;
    if (!begun) this.#attempt?.onTimedOut();
    this.abort();
    if (begun) {
      owner.onRouterBroken(flag.upstreamRequestTimeout, 'response_timeout');
      return;
    }
    owner.addFlag(flag.upstreamRequestTimeout);
    owner.reply(504, 'upstream request timeout', 'response_timeout');
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.list?.unlink(this);
    this.#retries?.end();
    this.#body = undefined;
    if (this.#shadows === undefined) return;
    for (const shadow of this.#shadows) if (shadow.incomplete) shadow.abort();
  }
}
