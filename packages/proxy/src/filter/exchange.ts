import type { RequestHead, ResponseHead } from '../codec/head.ts';
import { headerLine, type HeaderBlock } from '../codec/header-block.ts';
import { names, type HeaderName } from '../codec/header-name.ts';
import type { ResetReason, ServerStream, ServerStreamHandler } from '../codec/stream.ts';
import type { Timer } from '@lateen/core';
import { faultDetails } from '../http1/codec-fault.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { HttpFilterConfig } from '../model/http-filter.ts';
import { flag } from '../telemetry/response-flags.ts';
import { ExchangeRecord } from './exchange-record.ts';
import { httpDate } from './http-date.ts';
import type { CompiledHttpFilter, FilterExchange, LocalReplyOptions } from './http-filter.ts';
import { completeWebsocketHandshake } from './websocket-handshake.ts';
import { fillLocalReply } from './local-reply.ts';
import type { ConnectionManager } from './connection-manager.ts';
import { normalizePath } from './path-normalization.ts';
import { prepareRequest } from './request-preparation.ts';
import { underscoredHeaders } from './underscore-headers.ts';
import { isGrpcRequest } from '../codec/grpc-timeout.ts';
import type { LocalReplyRules } from './local-reply-rules.ts';
import { Router } from './router/router.ts';
import type { RouterOwner } from './router/router-owner.ts';
import { downstreamEnds } from './downstream-end.ts';
import { followRedirect } from './internal-redirect.ts';
import type { BodyBuffer } from './router/body-buffer.ts';
import type { CompiledForward } from '../route/route-action.ts';
import type { CompiledRoute } from '../route/route-table.ts';
import { cappedGrpcMs } from '../route/request-timing.ts';
import { Deadline } from '../timer/deadline.ts';

const noNames: readonly HeaderName[] = [];

type State =
  /** Filters are at work, or wait. */
  | 'filtering'
  /** The router has the request. */
  | 'forwarding'
  /** The response has begun. */
  | 'responding'
  | 'done';

/**
 * One request and its response: routed, led through the filters, sent on or answered, and told to
 * statistics and logs once at its end.
 */
export class Exchange extends ExchangeRecord implements ServerStreamHandler, FilterExchange, RouterOwner {
  readonly #stream: ServerStream;
  #state: State = 'filtering';
  #filters: readonly CompiledHttpFilter[];
  #filterAt = 0;
  #inFilter = false;
  #continued = false;
  #timers: Timer[] | undefined;
  #lastActivityMs: number;
  /** How long the stream may be silent; 0: for ever. */
  #idleMs: number;
  /** Limits that few requests have: for the whole of the request, and for the stream. */
  #requestLimit: Deadline | undefined;
  #durationLimit: Deadline | undefined;
  /** The routes that have served the request, where redirects were followed here. */
  #served: CompiledRoute[] | undefined;
  #early: { readonly chunks: Buffer[]; ended: boolean; trailers: HeaderBlock | undefined } | undefined;
  peerAsked = false;

  constructor(
    manager: ConnectionManager,
    connection: ConnectionInfo,
    stream: ServerStream,
    head: RequestHead,
    endStream: boolean,
  ) {
    super(manager, connection, head);
    this.#stream = stream;
    this.#lastActivityMs = this.startMs;
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
    const table = manager.routes(head);
    const client = prepareRequest(head, manager, this.connection, table?.internalOnlyHeaders ?? noNames);
    if (typeof client === 'number') {
      manager.stats.n.rqRejectedViaIpDetection++;
      return this.reply(client, '', 'rejected_via_ip_detection');
    }
    this.client = client;
    if (model.headersWithUnderscores !== 'allow' && !this.#checkUnderscores()) return;
    const normalized = normalizePath(head.path, model.pathNormalization);
    if (normalized.kind === 'reject') {
      manager.stats.n.rqFailedPathNormalization++;
      return this.reply(400, '', 'path_normalization_failed');
    }
    if (normalized.kind === 'redirect') {
      manager.stats.n.rqRedirectedPath++;
      // A redirect means nothing to clients of gRPC.
      if (isGrpcRequest(head)) return this.reply(200, '', 'path_normalization_failed', { grpcStatus: 13 });
      const location = `${head.scheme}://${head.authority}${normalized.path}`;
      return this.reply(307, '', 'path_normalization_redirect', { headers: [['location', location]] });
    }
    head.path = normalized.path;
    if (manager.earlyHeaders !== undefined) {
      for (const operations of manager.earlyHeaders) operations.apply(head.headers, this);
    }
    const route = manager.hasScopes
      ? manager.routes(head)?.find(head, this.draw)
      : table?.find(head, this.draw);
    this.route = route;
    if (head.upgrade !== undefined) {
      if (!this.#mayUpgrade(head.upgrade)) {
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

  /** False where the request was refused for its headers. */
  #checkUnderscores(): boolean {
    const { model, stats } = this.manager;
    const drop = model.headersWithUnderscores === 'drop';
    const found = underscoredHeaders(this.head.headers, drop);
    if (found === 0) return true;
    if (drop) {
      stats.n.headersUnderscoresDropped += found;
      return true;
    }
    stats.n.rqUnderscoresRejected++;
    this.reply(400, '', 'unexpected_underscore');
    return false;
  }

  #limitRequest(): void {
    const { manager } = this;
    this.#requestLimit = new Deadline(() => {
      manager.stats.n.rqTimeout++;
      this.#endForTime('request timeout', 'request_overall_timeout');
    });
    manager.timers.start(this.#requestLimit, manager.model.requestTimeoutMs);
  }

  /** The limits of the route in place of those of the connection manager. */
  #limitStream(action: CompiledForward): void {
    const { manager } = this;
    const { idleTimeoutMs, maxDurationMs } = action.streamLimits ?? {};
    if (idleTimeoutMs !== undefined) {
      this.#idleMs = idleTimeoutMs;
      if (idleTimeoutMs > 0) manager.timers.start(this, idleTimeoutMs);
      else manager.timers.stop(this);
    }
    const { grpcTimeoutHeaderMaxMs, grpcTimeoutHeaderOffsetMs = 0 } = action.model;
    const asked =
      grpcTimeoutHeaderMaxMs === undefined
        ? undefined
        : cappedGrpcMs(this.head, grpcTimeoutHeaderMaxMs, grpcTimeoutHeaderOffsetMs);
    const durationMs = asked ?? maxDurationMs ?? manager.model.maxStreamDurationMs;
    if (durationMs > 0) this.#limitDuration(durationMs);
  }

  #limitDuration(ms: number): void {
    const { manager } = this;
    this.#durationLimit = new Deadline(() => {
      manager.stats.n.rqMaxDurationReached++;
      this.flags |= flag.durationTimeout;
      this.#endForTime('downstream duration timeout', 'max_duration_timeout');
    });
    manager.timers.start(this.#durationLimit, ms);
  }

  /** Time is over: the client is told, or, where the answer has begun, cut off. */
  #endForTime(body: string, details: string): void {
    if (this.#state === 'done') return;
    if (this.#state === 'responding') {
      this.details = details;
      this.router?.abort();
      this.#stream.reset();
      this.#finish();
    } else {
      this.reply(this.requestDoneMs === undefined ? 408 : 504, body, details);
    }
  }

  /** True when nothing more happens with it. */
  get done(): boolean {
    return this.#state === 'done';
  }

  /** Ends the exchange without an answer. */
  abort(): void {
    if (this.#state === 'done') return;
    this.flags |= flag.localReset;
    this.#stream.reset();
    this.router?.abort();
    this.#finish();
  }

  // FilterExchange

  routeConfig(filterName: string): HttpFilterConfig | undefined {
    return this.route?.filterConfig[filterName];
  }

  addFlag(bit: number): void {
    this.flags |= bit;
  }

  get random(): () => number {
    return this.manager.random;
  }

  later(delayMs: number, run: () => void): void {
    const { turn, clock } = this.manager;
    this.#timers ??= [];
    this.#timers.push(
      clock.after(delayMs, () => {
        if (this.#state === 'done') return;
        turn.enter();
        try {
          run();
        } finally {
          turn.leave();
        }
      }),
    );
  }

  continueRequest(): void {
    if (this.#inFilter) this.#continued = true;
    else this.#runFilters();
  }

  reply(status: number, body: string, details: string, options: LocalReplyOptions = {}): void {
    if (this.#state === 'responding' || this.#state === 'done') return;
    this.router?.abort();
    this.details = details;
    const head = this.manager.heads.response();
    const bytes =
      this.manager.localReply === undefined
        ? fillLocalReply(head, this.head, status, body, options)
        : this.#mapReply(this.manager.localReply, head, status, body, options);
    this.#sendHead(head, bytes.length === 0);
    if (bytes.length === 0) return;
    // Answers to HEAD have the length, not the body.
    if (this.head.method !== 'HEAD') {
      this.bytesSent += bytes.length;
      this.#stream.sendData(bytes, 0, bytes.length);
    }
    this.#stream.sendEnd(undefined);
    this.#finish();
  }

  #mapReply(
    rules: LocalReplyRules,
    head: ResponseHead,
    status: number,
    body: string,
    options: LocalReplyOptions,
  ): Buffer {
    this.status = status;
    this.localReplyBody = body;
    const mapped = rules(this);
    const { contentType } = mapped;
    const changed = contentType === undefined ? options : { ...options, contentType };
    const bytes = fillLocalReply(head, this.head, mapped.status, mapped.body, changed);
    mapped.headers?.apply(head.headers, this);
    return bytes;
  }

  #mayUpgrade(type: string): boolean {
    const { route, manager } = this;
    const wanted = (rule: { readonly type: string }): boolean => rule.type === type;
    const own = route?.action.kind === 'forward' ? route.action.model.upgrades.find(wanted) : undefined;
    return (own ?? manager.model.upgrades.find(wanted))?.enabled === true;
  }

  #runFilters(): void {
    const filters = this.#filters;
    while (this.#filterAt < filters.length) {
      const filter = filters[this.#filterAt++];
      if (filter?.onRequest === undefined) continue;
      this.#inFilter = true;
      this.#continued = false;
      const verdict = filter.onRequest(this);
      this.#inFilter = false;
      if (this.#state !== 'filtering') return;
      if (verdict === 'stop' && !this.#continued) return;
    }
    this.#forward();
  }

  #forward(): void {
    const { route, manager } = this;
    const { n } = manager.stats;
    n.rqTotalRouter++;
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
        this.#state = 'forwarding';
        const router = new Router(this, route, action);
        this.router = router;
        router.start(this.requestDoneMs !== undefined && this.#early === undefined);
        this.#replayEarly(router);
      }
    }
  }

  /** Hands over what came while filters were waiting. */
  #replayEarly(router: Router): void {
    const early = this.#early;
    this.#early = undefined;
    if (early === undefined) return;
    for (const chunk of early.chunks) router.onRequestData(chunk, 0, chunk.length);
    if (early.ended) router.onRequestEnd(early.trailers);
    this.#stream.resumeRequest();
  }

  // What the client sends

  onRequestData(buffer: Buffer, start: number, end: number): void {
    this.bytesReceived += end - start;
    this.#lastActivityMs = this.manager.turn.nowMs;
    if (this.router !== undefined && this.#early === undefined) {
      this.router.onRequestData(buffer, start, end);
      return;
    }
    if (this.#state !== 'filtering') return;
    this.#early ??= { chunks: [], ended: false, trailers: undefined };
    this.#early.chunks.push(Buffer.from(buffer.subarray(start, end)));
    this.#stream.pauseRequest();
  }

  onRequestEnd(trailers: HeaderBlock | undefined): void {
    this.requestDoneMs = this.manager.turn.nowMs;
    if (this.#requestLimit !== undefined) this.manager.timers.stop(this.#requestLimit);
    if (this.router !== undefined && this.#early === undefined) {
      this.router.onRequestEnd(trailers);
      return;
    }
    if (this.#state !== 'filtering') return;
    this.#early ??= { chunks: [], ended: false, trailers: undefined };
    this.#early.ended = true;
    this.#early.trailers = trailers;
  }

  onResponseDrain(): void {
    this.router?.resumeResponse();
  }

  onUnreadable(): void {
    if (this.#state === 'done') return;
    this.flags |= flag.downstreamProtocolError;
    const details = faultDetails('malformed_body', this.head.version);
    if (this.#state !== 'responding') {
      this.reply(400, 'Bad Request', details);
      return;
    }
    this.details = details;
    this.manager.stats.n.rqRxReset++;
    this.router?.abort();
    this.#finish();
  }

  onDownstreamReset(reason: ResetReason): void {
    if (this.#state === 'done') return;
    const { bit, details } = downstreamEnds[reason];
    this.flags |= bit;
    this.details = details;
    this.manager.stats.n.rqRxReset++;
    this.router?.abort();
    this.#finish();
  }

  // What the router brings

  get requestWritable(): boolean {
    return this.#stream.writable;
  }

  pauseRequest(): void {
    this.#stream.pauseRequest();
  }

  resumeRequest(): void {
    this.#stream.resumeRequest();
  }

  onRouterHead(head: ResponseHead, endStream: boolean): void {
    if (head.status < 200 && head.status !== 101) {
      this.#stream.sendHead(head, false);
      this.manager.heads.releaseResponse(head);
      return;
    }
    this.details = 'via_upstream';
    const { headers } = head;
    if (!this.manager.suppressEnvoyHeaders) {
      const since = this.requestDoneMs ?? this.startMs;
      headers.set(names.serviceTime, String(Math.round(this.manager.turn.nowMs - since)));
    }
    this.#sendHead(head, endStream);
  }

  onRouterData(buffer: Buffer, start: number, end: number): void {
    this.bytesSent += end - start;
    this.#lastActivityMs = this.manager.turn.nowMs;
    this.#stream.sendData(buffer, start, end);
    if (!this.#stream.writable) this.router?.pauseResponse();
  }

  onRouterEnd(trailers: HeaderBlock | undefined): void {
    this.responseTrailers = trailers;
    this.#stream.sendEnd(trailers);
    this.#finish();
  }

  /** The response broke off after it had begun. */
  onRouterBroken(bit: number, details: string): void {
    this.flags |= bit;
    this.details = details;
    this.manager.stats.n.rqTxReset++;
    this.#stream.reset();
    this.#finish();
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
      manager.routes(head)?.find(head, this.draw),
    );
    if (next === undefined) return undefined;
    return (body) => {
      manager.heads.releaseResponse(response);
      this.#served = served;
      this.route = next.route;
      this.router = undefined;
      this.#state = 'filtering';
      this.#filterAt = 0;
      if (body !== undefined && next.withBody) {
        const chunks: Buffer[] = [];
        body.forEach((chunk) => void chunks.push(chunk));
        this.#early = { chunks, ended: true, trailers: body.trailers };
      }
      this.#runFilters();
    };
  }

  /** The stream has been idle for too long. */
  onExpire(): void {
    if (this.#state === 'done') return;
    const { timers, turn } = this.manager;
    const idleMs = turn.nowMs - this.#lastActivityMs;
    if (idleMs < this.#idleMs) {
      timers.start(this, this.#idleMs);
      return;
    }
    this.manager.stats.n.rqIdleTimeout++;
    this.flags |= flag.streamIdleTimeout;
    this.#endForTime('stream timeout', 'stream_idle_timeout');
  }

  /** Finishes the head of the response and sends it. */
  #sendHead(head: ResponseHead, endStream: boolean): void {
    const { manager, route } = this;
    this.#state = 'responding';
    this.response = head;
    this.status = head.status;
    this.responseHeadMs = manager.turn.nowMs;
    if (this.#requestLimit !== undefined) manager.timers.stop(this.#requestLimit);
    const { headers } = head;
    const target = this.router?.target;
    target?.responseHeaders?.apply(headers, this);
    if (route !== undefined) for (const operations of route.responseHeaders) operations.apply(headers, this);
    const filters = this.#filters;
    for (let i = filters.length - 1; i >= 0; i--) filters[i]?.onResponse?.(this, head);
    switch (manager.model.serverHeader) {
      case 'overwrite':
        headers.remove(names.server);
        headers.addLine(manager.serverLine);
        break;
      case 'append_if_absent':
        if (!headers.has(names.server)) headers.addLine(manager.serverLine);
        break;
      default:
    }
    if (!headers.has(names.date)) headers.addLine(httpDate(manager.turn));
    if (manager.model.alwaysSetRequestIdInResponse && !headers.has(names.requestId)) {
      const id = this.head.headers.get(names.requestId);
      if (id !== undefined) headers.add(names.requestId, id);
    }
    if (manager.model.via !== '') headers.addLine(headerLine(names.via, manager.model.via));
    if (head.upgrade !== undefined) {
      if (head.upgrade === 'websocket') completeWebsocketHandshake(this.head, head);
      manager.stats.n.cxUpgradesTotal++;
      manager.stats.n.cxUpgradesActive++;
    }
    this.#stream.sendHead(head, endStream);
    if (endStream) this.#finish();
  }

  #finish(): void {
    if (this.#state === 'done') return;
    this.#state = 'done';
    const { manager } = this;
    manager.timers.stop(this);
    if (this.#requestLimit !== undefined) manager.timers.stop(this.#requestLimit);
    if (this.#durationLimit !== undefined) manager.timers.stop(this.#durationLimit);
    if (this.#timers !== undefined) for (const timer of this.#timers) timer.cancel();
    const { stats, heads } = manager;
    stats.n.rqActive--;
    if (this.status > 0) stats.countStatus(this.status);
    if (this.response?.upgrade !== undefined) stats.n.cxUpgradesActive--;
    stats.requestTime.record(this.durationMs);
    for (const observer of manager.observers) observer.onRequest(this, manager.direction);
    for (const log of manager.accessLogs) log.log(this);
    heads.releaseRequest(this.head);
    if (this.response !== undefined) heads.releaseResponse(this.response);
    this.response = undefined;
  }
}
