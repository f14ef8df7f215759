import type { RequestHead, ResponseHead } from '../codec/head.ts';
import { formatGrpcTimeout } from '../codec/grpc-timeout.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import { names, type HeaderName } from '../codec/header-name.ts';
import type { ResetReason, ServerStream, ServerStreamHandler } from '../codec/stream.ts';
import { faultDetails } from '../http1/codec-fault.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { HttpFilterConfig } from '../model/http-filter.ts';
import type { LogTimes } from '../model/network-filter.ts';
import { flag } from '../telemetry/response-flags.ts';
import { admitRequest } from './admission.ts';
import { ExchangeBodies } from './exchange-bodies.ts';
import type { CompiledHttpFilter, FilterExchange, LocalReplyOptions, PeerAnswer } from './http-filter.ts';
import { mayUpgrade } from './upgrade-permission.ts';
import { completeWebsocketHandshake } from './websocket-handshake.ts';
import { fillLocalReply } from './local-reply.ts';
import { fillMappedReply } from './mapped-reply.ts';
import type { ConnectionManager } from './connection-manager.ts';
import { addOwnHeaders } from './own-headers.ts';
import { Router } from './router/router.ts';
import type { RouterOwner } from './router/router-owner.ts';
import { downstreamEnds, type DownstreamEnd } from './downstream-end.ts';
import { followRedirect } from './internal-redirect.ts';
import type { BodyBuffer } from './router/body-buffer.ts';
import type { CompiledForward } from '../route/route-action.ts';
import type { RouteTable } from '../route/route-table.ts';
import type { CompiledRoute } from '../route/virtual-host.ts';
import { cappedGrpcMs } from '../route/request-timing.ts';
import { EarlyBody } from './early-body.ts';
import { StreamLimits } from './stream-limits.ts';
import { tunnelEnd } from './tunnel-end.ts';

const noNames: readonly HeaderName[] = [];

/** DEADLINE_EXCEEDED, as Envoy has it for a stream that lasts too long. */
const overDeadline: LocalReplyOptions = { grpcStatus: 4 };

/**
 * One request and its response: routed, led through the filters, sent on or answered, and told to
 * statistics and logs once at its end.
 */
export class Exchange extends ExchangeBodies implements ServerStreamHandler, FilterExchange, RouterOwner {
  #filters: readonly CompiledHttpFilter[];
  #filterAt = 0;
  #inFilter = false;
  #continued = false;
  /** How long the stream may be silent; 0: for ever. */
  #idleMs: number;
  #limits: StreamLimits | undefined;
  /** Told when the exchange is over. */
  #atEnd: (() => void)[] | undefined;
  /** The routes that have served the request, where redirects were followed here. */
  #served: CompiledRoute[] | undefined;
  peerAnswer: PeerAnswer = 'nothing';
  healthCheck = false;

  constructor(
    manager: ConnectionManager,
    connection: ConnectionInfo,
    stream: ServerStream,
    head: RequestHead,
    endStream: boolean,
  ) {
    super(manager, connection, stream, head);
    this.#filters = manager.filters;
    this.#idleMs = manager.model.streamIdleTimeoutMs;
    if (endStream) this.requestDoneMs = this.startMs;
    const { n } = manager.stats;
    n.rqTotal++;
    n.rqActive++;
    if (head.version === 'HTTP/2') n.rqHttp2Total++;
    else n.rqHttp1Total++;
  }

  /** Routes the request and starts its way through the filters. */
  begin(): void {
    const { manager, head } = this;
    const { model } = manager;
    if (this.#idleMs > 0) manager.timers.start(this, this.#idleMs);
    if (model.requestTimeoutMs > 0 && this.requestDoneMs === undefined) this.#limitRequest();
    const { stopAcceptingRequests } = manager.overload;
    if (stopAcceptingRequests > 0 && manager.random() < stopAcceptingRequests) {
      manager.stats.n.rqOverloadClose++;
      this.flags |= flag.overloadManager;
      return this.reply(503, 'envoy overloaded', 'overload', manager.overloadReply);
    }
    const table = manager.routes(head);
    const admitted = admitRequest(head, manager, this.connection, table?.internalOnlyHeaders ?? noNames);
    if ('details' in admitted) return this.reply(admitted.status, '', admitted.details, admitted.options);
    this.client = admitted;
    if (manager.earlyHeaders !== undefined) {
      for (const operations of manager.earlyHeaders) operations.apply(head.headers, this);
    }
    const route = manager.hasScopes ? manager.routes(head)?.find(this) : table?.find(this);
    this.route = route;
    if (manager.tracer !== undefined) this.trace = manager.tracer.begin(this);
    if (model.logTimes !== undefined) this.#logBefore(model.logTimes);
    // What nothing is routed to is not found, whatever it wants to become.
    if (head.upgrade !== undefined && route !== undefined) {
      if (!mayUpgrade(head.upgrade, route, model)) {
        manager.stats.n.rqUpgradeRefused++;
        return this.reply(403, '', 'upgrade_failed');
      }
      this.#filters = manager.upgradeFilters?.get(head.upgrade) ?? this.#filters;
    }
    if (route?.action.kind === 'forward' && route.action.streamLimits !== undefined) {
      this.#limitStream(route.action);
    } else if (model.maxStreamDurationMs > 0) {
      this.#limitDuration(model.maxStreamDurationMs);
    }
    this.#runFilters();
  }

  routeTable(): RouteTable | undefined {
    return this.manager.routes(this.head);
  }

  reroute(): void {
    const route = this.routeTable()?.find(this);
    this.route = route;
    if (route?.action.kind === 'forward') this.#limitStream(route.action);
  }

  /** Lines before the end, where they are asked for. */
  #logBefore({ onRequest, intervalMs }: LogTimes): void {
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
  #limitStream(action: CompiledForward): void {
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
    this.#limitDuration(durationMs);
  }

  /** Counted from the start of the stream, which is past where another route is taken; 0: no limit. */
  #limitDuration(ms: number): void {
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
      this.stream.reset();
      this.finish();
    } else {
      this.reply(this.requestDoneMs === undefined ? 408 : 504, body, details, options);
    }
  }

  /** True when nothing more happens with it. */
  get done(): boolean {
    return this.state === 'done';
  }

  // FilterExchange

  routeConfig(filterName: string): HttpFilterConfig | undefined {
    const { route } = this;
    if (route?.action.kind === 'forward' && route.action.choosesFilters) {
      const own = route.action.choose(this.head, this.draw)?.filterConfig?.[filterName];
      if (own !== undefined) return own;
    }
    return route?.filterConfig[filterName];
  }

  addFlag(bit: number): void {
    this.flags |= bit;
  }

  get random(): () => number {
    return this.manager.random;
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

  atEnd(run: () => void): void {
    (this.#atEnd ??= []).push(run);
  }

  get requestComplete(): boolean {
    return this.requestDoneMs !== undefined && this.early?.ended !== false;
  }

  continueRequest(): void {
    if (this.#inFilter) this.#continued = true;
    else this.#runFilters();
  }

  reply(status: number, body: string, details: string, options: LocalReplyOptions = {}): void {
    if (this.state === 'responding' || this.state === 'done') return;
    this.router?.abort();
    this.details = details;
    const head = this.manager.heads.response();
    const bytes =
      this.manager.localReply === undefined
        ? fillLocalReply(head, this.head, status, body, options)
        : fillMappedReply(this.manager.localReply, this, head, status, body, options);
    // Answers to HEAD have the length, not the body.
    const hasBody = bytes.length > 0 && this.head.method !== 'HEAD';
    this.#sendHead(head, !hasBody);
    if (hasBody) this.sendOwnBody(bytes);
  }

  refuseBody(): void {
    this.manager.stats.n.rqTooLarge++;
    this.reply(413, 'Payload Too Large', 'request_payload_too_large');
  }

  #runFilters(): void {
    const filters = this.#filters;
    const choosy = this.#isChoosy;
    while (this.#filterAt < filters.length) {
      const filter = filters[this.#filterAt++];
      if (filter?.onRequest === undefined) continue;
      if (choosy && !this.#runs(filter)) continue;
      this.#inFilter = true;
      this.#continued = false;
      const verdict = filter.onRequest(this);
      this.#inFilter = false;
      if (this.state !== 'filtering') return;
      if (verdict === 'stop' && !this.#continued) return;
    }
    this.#forward();
  }

  /** True where some of the filters do not run for this request. */
  get #isChoosy(): boolean {
    const { route } = this;
    if (this.manager.hasDisabledFilters || route?.disablesFilters === true) return true;
    return route?.action.kind === 'forward' && route.action.choosesFilters;
  }

  #runs(filter: CompiledHttpFilter): boolean {
    const own = this.routeConfig(filter.name)?.kind;
    if (own === 'disabled') return false;
    return filter.disabled !== true || own !== undefined;
  }

  #forward(): void {
    const { route, manager } = this;
    const { n } = manager.stats;
    n.rqTotalRouter++;
    const bad = manager.strictCheck?.(this.head.headers);
    if (bad !== undefined) {
      this.flags |= flag.invalidEnvoyRequestHeaders;
      const { name, value } = bad;
      this.reply(
        400,
        `invalid header '${name}' with value '${value}'`,
        `request_headers_failed_strict_check{${name}}`,
      );
      return;
    }
    if (route === undefined) {
      n.noRoute++;
      this.flags |= flag.noRouteFound;
      this.reply(404, '', 'route_not_found');
      return;
    }
    const { action } = route;
    switch (action.kind) {
      case 'redirect':
        n.rqRedirect++;
        this.reply(action.model.status, '', 'direct_response', {
          headers: [['location', action.redirect(this.head)]],
        });
        return;
      case 'direct_response': {
        n.rqDirectResponse++;
        const { body, status } = action.model;
        this.reply(status, body === undefined ? '' : Buffer.from(body).toString('utf8'), 'direct_response');
        return;
      }
      case 'forward': {
        this.state = 'forwarding';
        const router = new Router(this, route, action);
        this.router = router;
        router.start(this.requestDoneMs !== undefined && this.early === undefined);
        this.replayEarly(router);
      }
    }
  }

  protected onRequestComplete(): void {
    this.#limits?.endRequest();
  }

  onUnreadable(): void {
    if (this.state === 'done') return;
    this.flags |= flag.downstreamProtocolError;
    const details = faultDetails('malformed_body', this.head.version);
    if (this.state !== 'responding') {
      this.reply(400, 'Bad Request', details);
      return;
    }
    this.details = details;
    this.manager.stats.n.rqRxReset++;
    this.router?.abort();
    this.finish();
  }

  onDownstreamReset(reason: ResetReason): void {
    if (this.state === 'done') return;
    this.#noteEnd(downstreamEnds[reason]);
    this.manager.stats.n.rqRxReset++;
    this.router?.abort();
    this.finish();
  }

  #noteEnd({ bit, details }: DownstreamEnd): void {
    this.flags |= bit;
    this.details = details;
  }

  // What the router brings

  onRouterHead(head: ResponseHead, endStream: boolean): void {
    if (head.status < 200 && head.status !== 101) {
      this.stream.sendHead(head, false);
      this.manager.heads.releaseResponse(head);
      return;
    }
    this.details = 'via_upstream';
    const { headers } = head;
    // As Envoy: it is the time since the request was complete.
    const since = this.requestDoneMs;
    if (since !== undefined && !this.manager.suppressEnvoyHeaders) {
      headers.set(names.serviceTime, String(Math.round(this.manager.turn.nowMs - since)));
    }
    this.#sendHead(head, endStream);
  }

  override onRouterEnd(trailers: HeaderBlock | undefined): void {
    const end = this.response?.upgrade === undefined ? undefined : tunnelEnd(this, this.response);
    if (end !== undefined) this.#noteEnd(end);
    super.onRouterEnd(trailers);
  }

  /** The response broke off after it had begun. */
  onRouterBroken(bit: number, details: string): void {
    this.flags |= bit;
    this.details = details;
    this.manager.stats.n.rqTxReset++;
    this.stream.reset();
    this.finish();
  }

  redirectOf(
    response: ResponseHead,
    action: CompiledForward,
  ): ((body: BodyBuffer | undefined) => void) | undefined {
    const { head, manager, route } = this;
    const policy = action.model.internalRedirect;
    if (policy === undefined || route === undefined) return undefined;
    const served = [...(this.#served ?? []), route];
    const clientScheme = this.connection.tls === undefined ? 'http' : 'https';
    const next = followRedirect(head, response, policy, clientScheme, served, () =>
      manager.routes(head)?.find(this),
    );
    if (next === undefined) return undefined;
    return (body) => {
      manager.heads.releaseResponse(response);
      this.#served = served;
      this.route = next.route;
      this.router = undefined;
      this.state = 'filtering';
      this.#filterAt = 0;
      if (body !== undefined && next.withBody) {
        const early = new EarlyBody();
        body.forEach((chunk) => early.add(chunk, 0, chunk.length));
        early.end(body.trailers);
        this.early = early;
      }
      this.#runFilters();
    };
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

  /** Finishes the head of the response and sends it. */
  #sendHead(head: ResponseHead, endStream: boolean): void {
    const { manager, route } = this;
    this.state = 'responding';
    this.response = head;
    this.status = head.status;
    this.responseHeadMs = manager.turn.nowMs;
    if (this.requestDoneMs === undefined) manager.stats.n.rqResponseBeforeComplete++;
    this.#limits?.endRequest();
    const { headers } = head;
    if (manager.tracer !== undefined) manager.tracer.onResponse(this.trace, head);
    const target = this.router?.target;
    target?.responseHeaders?.apply(headers, this);
    if (route !== undefined) for (const operations of route.responseHeaders) operations.apply(headers, this);
    const filters = this.#filters;
    const choosy = this.#isChoosy;
    for (let i = filters.length - 1; i >= 0; i--) {
      const filter = filters[i];
      if (filter?.onResponse === undefined || (choosy && !this.#runs(filter))) continue;
      filter.onResponse(this, head, endStream);
    }
    addOwnHeaders(headers, this.head, manager);
    if (head.upgrade !== undefined) {
      if (head.upgrade === 'websocket') completeWebsocketHandshake(this.head, head);
      manager.stats.n.cxUpgradesTotal++;
      manager.stats.n.cxUpgradesActive++;
      if (manager.model.logTimes?.onTunnel === true) this.log('DownstreamTunnelSuccessfullyEstablished');
    }
    this.stream.sendHead(head, endStream);
    if (endStream) this.finish();
  }

  protected finish(): void {
    if (this.state === 'done') return;
    this.state = 'done';
    const { manager } = this;
    manager.timers.stop(this);
    this.#limits?.stop();
    if (this.#atEnd !== undefined) for (const run of this.#atEnd) run();
    const { stats, heads } = manager;
    stats.n.rqActive--;
    if (this.status > 0) stats.countStatus(this.status);
    if (this.response?.upgrade !== undefined) stats.n.cxUpgradesActive--;
    stats.requestTime.record(this.durationMs);
    if (this.grpcMessages !== undefined) this.tellMessages(this.grpcMessages, true);
    for (const observer of manager.observers) observer.onRequest(this, manager.direction);
    if (manager.accessLogs.length > 0) this.log('DownstreamEnd');
    if (this.trace !== undefined) this.trace.end(this);
    heads.releaseRequest(this.head);
    if (this.response !== undefined) heads.releaseResponse(this.response);
    this.response = undefined;
  }
}
