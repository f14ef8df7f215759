import type { RequestHead, ResponseHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import { names, type HeaderName } from '../codec/header-name.ts';
import type { ResetReason, ServerStream, ServerStreamHandler } from '../codec/stream.ts';
import { faultDetails } from '../http1/codec-fault.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { HttpFilterConfig } from '../model/http-filter.ts';
import { flag } from '../telemetry/response-flags.ts';
import { admitRequest } from './admission.ts';
import { ExchangeLimits } from './exchange-limits.ts';
import type { CompiledHttpFilter, FilterExchange, LocalReplyOptions, PeerAnswer } from './http-filter.ts';
import { mayUpgrade } from './upgrade-permission.ts';
import { completeWebsocketHandshake, refusesWebsocket } from './websocket-handshake.ts';
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
import { EarlyBody } from './early-body.ts';
import { tunnelEnd } from './tunnel-end.ts';

const noNames: readonly HeaderName[] = [];

/**
 * One request and its response: routed, led through the filters, sent on or answered, and told to
 * statistics and logs once at its end.
 */
export class Exchange extends ExchangeLimits implements ServerStreamHandler, FilterExchange, RouterOwner {
  #filters: readonly CompiledHttpFilter[];
  #filterAt = 0;
  #inFilter = false;
  #continued = false;
  /** It asks for an upgrade that is allowed. */
  #mayTunnel = false;
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
    this.startLimits();
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
    if (model.logTimes !== undefined) this.logBefore(model.logTimes);
    // What nothing is routed to is not found, whatever it wants to become.
    if (head.upgrade !== undefined && route !== undefined) {
      if (!mayUpgrade(head.upgrade, route, model)) {
        manager.stats.n.rqUpgradeRefused++;
        return this.reply(403, '', 'upgrade_failed');
      }
      this.#filters = manager.upgradeFilters?.get(head.upgrade) ?? this.#filters;
      this.#mayTunnel = true;
      manager.stats.n.cxUpgradesTotal++;
      manager.stats.n.cxUpgradesActive++;
    }
    if (route?.action.kind === 'forward' && route.action.streamLimits !== undefined) {
      this.limitStream(route.action);
    } else if (model.maxStreamDurationMs > 0) {
      this.limitDuration(model.maxStreamDurationMs);
    }
    this.#runFilters();
  }

  routeTable(): RouteTable | undefined {
    return this.manager.routes(this.head);
  }

  reroute(): void {
    const route = this.routeTable()?.find(this);
    this.route = route;
    if (route?.action.kind === 'forward') this.limitStream(route.action);
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
        n.rqDirectResponse++;
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
    this.details = refusesWebsocket(this.head, head) ? 'websocket_handshake_unsuccessful' : 'via_upstream';
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

  /** Finishes the head of the response and sends it. */
  #sendHead(head: ResponseHead, endStream: boolean): void {
    const { manager, route } = this;
    this.state = 'responding';
    this.response = head;
    this.status = head.status;
    this.responseHeadMs = manager.turn.nowMs;
    if (this.requestDoneMs === undefined) manager.stats.n.rqResponseBeforeComplete++;
    this.onRequestComplete();
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
      if (manager.model.logTimes?.onTunnel === true) this.log('DownstreamTunnelSuccessfullyEstablished');
    }
    this.stream.sendHead(head, endStream);
    if (endStream) this.finish();
  }

  protected finish(): void {
    if (this.state === 'done') return;
    this.state = 'done';
    const { manager } = this;
    this.stopLimits();
    if (this.#atEnd !== undefined) for (const run of this.#atEnd) run();
    const { stats, heads } = manager;
    stats.n.rqActive--;
    stats.countEnd(this.status, this.healthCheck);
    if (this.#mayTunnel) stats.n.cxUpgradesActive--;
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
