import type { Clock, Problem } from '@lateen/core';
import type { ConnectionEnd } from '../codec/connection-end.ts';
import type { HeadPool, HttpVersion, RequestHead } from '../codec/head.ts';
import { headerLine, type HeaderLine } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import type { ServerStream, ServerStreamHandler } from '../codec/stream.ts';
import {
  breaksProtocol,
  faultDetails,
  faultStatus,
  faultText,
  isReadable,
  type CodecFault,
  type RefusedFault,
} from '../http1/codec-fault.ts';
import { Http1ServerConnection } from '../http1/server-connection.ts';
import type { ServerConnectionOwner } from '../http1/server-connection-owner.ts';
import type { Http1ServerOptions } from '../http1/server-options.ts';
import { http2Limits } from '../http2/limits.ts';
import { Http2ServerConnection, type Http2ServerOptions } from '../http2/server-connection.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import { compileStrictCheck } from '../route/strict-headers.ts';
import type { OverloadState } from '../overload/overload-state.ts';
import type { AccessLog } from '../model/access-log.ts';
import type { AlpnOverride } from '../model/alpn-override.ts';
import { defaultIstioStats } from '../model/istio-stats.ts';
import type { HttpConnectionManager } from '../model/network-filter.ts';
import { compileHeaderOperations, type CompiledHeaderOperations } from '../route/header-operations.ts';
import type { RouteTable } from '../route/route-table.ts';
import type { RouteLookup } from '../route/scoped-routes.ts';
import { Deadline } from '../timer/deadline.ts';
import { compileClientRules, type ClientRules } from './client-address.ts';
import { compileLocalReply, type LocalReplyRules } from './local-reply-rules.ts';
import { compileAccessLog, type CompiledAccessLog, type LogSinks } from '../telemetry/access-log.ts';
import type { HttpStats } from '../telemetry/http-stats.ts';
import { flag } from '../telemetry/response-flags.ts';
import type { MeshMetrics } from '../telemetry/mesh-metrics.ts';
import { GrpcStats } from '../telemetry/grpc-stats.ts';
import type { RequestObserver } from '../telemetry/request-observer.ts';
import type { Tracer } from '../tracing/tracer.ts';
import type { TracingSystem } from '../tracing/tracing-system.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import type { Turn } from '../wire/turn.ts';
import type { Wire } from '../wire/wire.ts';
import { CodecChoice, knownProtocol, type HttpProtocol, type ServerCodec } from './codec-choice.ts';
import { compileHttpFilters, compileUpgradeFilters } from './compile-filters.ts';
import type { FilterServices } from './filter-services.ts';
import { Exchange } from './exchange.ts';
import { compileForwardedClientCert, type ForwardedClientCert } from './forward-client-cert.ts';
import type { CompiledHttpFilter, LocalReplyOptions } from './http-filter.ts';
import type { AttemptLogs } from './router/attempt-log.ts';
import type { RequestIds } from './request-id.ts';
import { ownNameOf, type OwnName } from './request-preparation.ts';
import { recordUnread } from './unread-request.ts';

/** What connection managers share in a data plane. */
export interface ManagerContext extends LogSinks {
  readonly overload: OverloadState;
  readonly heads: HeadPool;
  readonly turn: Turn;
  readonly timers: CoarseTimers;
  readonly clock: Clock;
  readonly random: () => number;
  /** The route table of a name, as it is now; undefined while it has not come. */
  readonly routeTable: (name: string) => RouteTable | undefined;
  readonly httpStats: (prefix: string) => HttpStats;
  readonly isDraining: () => boolean;
  readonly requestIds: RequestIds;
  /** Istio's metrics, for connection managers that ask for them. */
  readonly meshMetrics: MeshMetrics;
  readonly filterServices: FilterServices;
  /** There once a listener that asks for tracing has come. */
  readonly tracing: TracingSystem | undefined;
}

export type TrafficDirection = 'unspecified' | 'inbound' | 'outbound';

/** The limits and patience of the codec, from the connection manager. */
export function http1Options(model: HttpConnectionManager): Http1ServerOptions {
  return {
    maxHeadBytes: model.maxRequestHeadersBytes,
    maxHeaders: model.maxHeaders,
    acceptHttp10: model.http1.acceptHttp10,
    defaultHostForHttp10: model.http1.defaultHostForHttp10,
    preserveHeaderCase: model.http1.preserveHeaderCase,
    properCase: model.http1.properCase === true,
    enableTrailers: model.http1.enableTrailers,
    allowAbsoluteUrl: model.http1.allowAbsoluteUrl,
    allowChunkedLength: model.http1.allowChunkedLength,
    allowCustomMethods: model.http1.allowCustomMethods,
    idleTimeoutMs: model.idleTimeoutMs,
    drainTimeoutMs: model.drainTimeoutMs,
    requestHeadersTimeoutMs: model.requestHeadersTimeoutMs,
    maxRequests: model.maxRequestsPerConnection,
    answerContinue: !model.proxy100Continue,
    delayedCloseTimeoutMs: model.delayedCloseTimeoutMs ?? 1_000,
  };
}

/** The same for HTTP/2. */
export function http2Options(model: HttpConnectionManager): Http2ServerOptions {
  return {
    ...http2Limits(model.http2),
    maxHeadBytes: model.maxRequestHeadersBytes,
    maxHeaders: model.maxHeaders,
    idleTimeoutMs: model.idleTimeoutMs,
    requestHeadersTimeoutMs: model.requestHeadersTimeoutMs,
    maxRequests: model.maxRequestsPerConnection,
    answerContinue: !model.proxy100Continue,
    drainTimeoutMs: model.drainTimeoutMs,
  };
}

/** Who is told of the requests of a connection manager: one for each filter that counts them. */
function observersOf(
  { httpFilters }: HttpConnectionManager,
  { meshMetrics, filterServices }: ManagerContext,
): RequestObserver[] {
  return httpFilters.flatMap(({ config, disabled }): RequestObserver[] => {
    if (disabled) return [];
    if (config.kind === 'grpc_stats') return [new GrpcStats(config.options, filterServices.statGroup)];
    return config.kind === 'istio_stats' ? [meshMetrics.scope(config.options)] : [];
  });
}

/** A connection manager compiled: the same for all connections of its filter chain. */
export class ConnectionManager {
  readonly model: HttpConnectionManager;
  readonly direction: TrafficDirection;
  readonly filters: readonly CompiledHttpFilter[];
  /** In place of those, for upgrades to these protocols. */
  readonly upgradeFilters: ReadonlyMap<string, readonly CompiledHttpFilter[]> | undefined;
  /** Some filters run only where a route turns them on. */
  readonly hasDisabledFilters: boolean;
  readonly accessLogs: readonly CompiledAccessLog[];
  /** Requests' bytes on the wires are counted, for access logs. */
  readonly countsBytes: boolean;
  /** Undefined where tries are not logged. */
  readonly attemptLogs: AttemptLogs | undefined;
  readonly serverLine: HeaderLine;
  readonly suppressEnvoyHeaders: boolean;
  /** Clients say by `x-envoy-expected-rq-timeout-ms` how long they wait. */
  readonly respectExpectedTimeout: boolean;
  /** Undefined where the headers that steer tries and time are not looked at. */
  readonly strictCheck: ReturnType<typeof compileStrictCheck>;
  readonly bufferLimitBytes: number;
  readonly stats: HttpStats;
  readonly observers: readonly RequestObserver[];
  /** What TLS offers to endpoints; undefined: what their clusters say. */
  readonly alpn: AlpnOverride | undefined;
  /** Those that are told of the messages of gRPC requests. */
  readonly messageObservers: readonly RequestObserver[];
  /** How often observers are told of the messages of a stream that lasts, milliseconds; 0: at its end. */
  readonly messageIntervalMs: number;
  /** Undefined where requests are not traced. */
  readonly tracer: Tracer | undefined;
  readonly requestIds: RequestIds;
  readonly forwardClientCert: ForwardedClientCert;
  readonly ownName: OwnName | undefined;
  readonly heads: HeadPool;
  readonly turn: Turn;
  readonly timers: CoarseTimers;
  readonly clock: Clock;
  readonly random: () => number;
  readonly http1: Http1ServerOptions;
  readonly http2: Http2ServerOptions;
  readonly isDraining: () => boolean;
  readonly overload: OverloadState;
  /** How a request is answered that overload refuses. */
  readonly overloadReply: LocalReplyOptions;
  readonly routes: RouteLookup;
  /** Headers may choose the table, also those that were changed before. */
  readonly hasScopes: boolean;
  readonly clientRules: ClientRules;
  readonly localReply: LocalReplyRules | undefined;
  readonly earlyHeaders: readonly CompiledHeaderOperations[] | undefined;

  constructor(
    model: HttpConnectionManager,
    context: ManagerContext,
    routes: RouteLookup,
    direction: TrafficDirection,
    filters: readonly CompiledHttpFilter[],
    upgradeFilters: ReadonlyMap<string, readonly CompiledHttpFilter[]> | undefined,
    accessLogs: readonly CompiledAccessLog[],
    attemptLogs: AttemptLogs | undefined,
    localReply: LocalReplyRules | undefined,
    earlyHeaders: readonly CompiledHeaderOperations[] | undefined,
    bufferLimitBytes: number,
  ) {
    this.model = model;
    this.direction = direction;
    this.filters = filters;
    this.upgradeFilters = upgradeFilters;
    this.hasDisabledFilters = [filters, ...(upgradeFilters?.values() ?? [])].some((chain) =>
      chain.some((filter) => filter.disabled === true),
    );
    this.accessLogs = accessLogs;
    this.attemptLogs = attemptLogs;
    this.countsBytes = [...accessLogs, ...(attemptLogs?.logs ?? [])].some((log) => log.asksBytes);
    this.serverLine = headerLine(names.server, model.serverName);
    const router = model.httpFilters.find((filter) => filter.config.kind === 'router')?.config;
    this.suppressEnvoyHeaders = router?.kind === 'router' && router.suppressEnvoyHeaders;
    this.respectExpectedTimeout = router?.kind === 'router' && router.respectExpectedTimeout === true;
    this.strictCheck = compileStrictCheck((router?.kind === 'router' && router.strictHeaders) || []);
    this.bufferLimitBytes = bufferLimitBytes;
    this.stats = context.httpStats(model.statPrefix);
    this.observers = observersOf(model, context);
    const statsFilter = model.httpFilters.find(({ config }) => config.kind === 'istio_stats')?.config;
    const options = statsFilter?.kind === 'istio_stats' ? statsFilter.options : undefined;
    this.messageIntervalMs = (options ?? defaultIstioStats).reportIntervalMs;
    const tellsOthers = model.httpFilters.some(
      ({ config, disabled }) => config.kind === 'grpc_stats' && config.emitFilterState && !disabled,
    );
    this.messageObservers = this.observers.filter((one) => tellsOthers || one instanceof GrpcStats);
    this.alpn = model.httpFilters
      .map(({ config, disabled }) =>
        config.kind === 'istio_alpn' && !disabled ? config.override : undefined,
      )
      .findLast((override) => override !== undefined);
    this.tracer = context.tracing?.tracer(model, direction === 'outbound', this.stats);
    this.requestIds = context.requestIds;
    this.ownName = ownNameOf(model, context.filterServices);
    this.forwardClientCert = compileForwardedClientCert(model.forwardClientCert);
    this.heads = context.heads;
    this.turn = context.turn;
    this.timers = context.timers;
    this.clock = context.clock;
    this.random = context.random;
    this.clientRules = compileClientRules(model);
    this.localReply = localReply;
    this.earlyHeaders = earlyHeaders;
    this.hasScopes = model.routes.kind === 'scoped';
    this.http1 = http1Options(model);
    this.http2 = http2Options(model);
    this.isDraining = context.isDraining;
    this.overload = context.overload;
    this.overloadReply =
      model.appendLocalOverload === true ? { headers: [['x-envoy-local-overloaded', 'true']] } : {};
    this.routes = routes;
  }

  /** Compiles a connection manager. What is wrong with it goes to `bad`. */
  static compile(
    model: HttpConnectionManager,
    context: ManagerContext,
    routes: RouteLookup,
    direction: TrafficDirection,
    bufferLimitBytes: number,
    path: string,
    bad: Problem[],
  ): ConnectionManager {
    const facts = { direction, statPrefix: model.statPrefix };
    const filters = compileHttpFilters(
      model.httpFilters,
      `${path}.http_filters`,
      bad,
      facts,
      context.filterServices,
    );
    const compileLogs = (logs: readonly AccessLog[], field: string): CompiledAccessLog[] =>
      logs.flatMap((log, i) => {
        const compiled = compileAccessLog(log, context);
        if (compiled.ok) return [compiled.value];
        bad.push(
          ...compiled.problems.map((p) => ({ ...p, path: `${path}.${field}[${i}].typed_config.${p.path}` })),
        );
        return [];
      });
    const accessLogs = compileLogs(model.accessLogs, 'access_log');
    const routerAt = model.httpFilters.findIndex(({ config }) => config.kind === 'router');
    const router = model.httpFilters[routerAt]?.config;
    const attemptLogs =
      router?.kind !== 'router' || router.attemptLogs === undefined
        ? undefined
        : {
            logs: compileLogs(router.attemptLogs, `http_filters[${routerAt}].upstream_log`),
            onReady: router.logsReadyAttempts === true,
            intervalMs: router.attemptLogIntervalMs ?? 0,
          };
    const localReply =
      model.localReply === undefined
        ? undefined
        : compileLocalReply(model.localReply, `${path}.local_reply_config`, bad);
    const earlyHeaders = model.earlyHeaders?.flatMap((operations, i) => {
      const at = `${path}.early_header_mutation_extensions[${i}]`;
      return compileHeaderOperations(operations, at, bad) ?? [];
    });
    return new ConnectionManager(
      model,
      context,
      routes,
      direction,
      filters,
      compileUpgradeFilters(model, path, bad, facts, context.filterServices),
      accessLogs,
      attemptLogs,
      localReply,
      earlyHeaders,
      bufferLimitBytes,
    );
  }

  /** Takes a connection over. */
  serve(wire: Wire, info: ConnectionInfo, onClosed: () => void): HttpConnection {
    return new HttpConnection(this, wire, info, onClosed);
  }
}

/** One downstream HTTP connection. */
export class HttpConnection implements ServerConnectionOwner {
  readonly #manager: ConnectionManager;
  readonly #info: ConnectionInfo;
  /** The proxy drains; else overload ends the connection. */
  #drains = false;
  readonly #onClosed: () => void;
  readonly #codec: ServerCodec;
  readonly #startedMs: number;
  /** Undefined before it is known. */
  #protocol: HttpProtocol | undefined;
  #duration: Deadline | undefined;

  constructor(manager: ConnectionManager, wire: Wire, info: ConnectionInfo, onClosed: () => void) {
    this.#manager = manager;
    this.#info = info;
    this.#onClosed = onClosed;
    this.#startedMs = manager.turn.nowMs;
    const { n } = manager.stats;
    n.cxTotal++;
    n.cxActive++;
    if (info.tls !== undefined) {
      n.cxSslTotal++;
      n.cxSslActive++;
    }
    wire.countInto(manager.stats.bytes);
    if (manager.countsBytes) wire.countAlone();
    if (manager.model.maxConnectionDurationMs > 0) this.#limitDuration();
    const known = knownProtocol(manager.model.codec, wire.tls?.alpn ?? '');
    this.#codec =
      known === undefined
        ? new CodecChoice(
            wire,
            manager.timers,
            manager.model.idleTimeoutMs,
            (protocol) => this.#start(wire, protocol),
            (end) => this.onConnectionClosed(end),
          )
        : this.#start(wire, known);
  }

  #start(wire: Wire, protocol: HttpProtocol): ServerCodec {
    const manager = this.#manager;
    const { n } = manager.stats;
    this.#protocol = protocol;
    if (protocol === 'http2') {
      n.cxHttp2Total++;
      n.cxHttp2Active++;
      return new Http2ServerConnection(wire, manager.http2, this, manager, manager.stats.codec.http2);
    }
    n.cxHttp1Total++;
    n.cxHttp1Active++;
    return new Http1ServerConnection(wire, manager.http1, this, manager.heads, manager.timers);
  }

  /** After its longest time a connection is drained (Envoy, `max_connection_duration`). */
  #limitDuration(): void {
    const manager = this.#manager;
    this.#duration = new Deadline(() => {
      manager.stats.n.cxMaxDurationReached++;
      this.#codec.closeAfterDrain();
    });
    manager.timers.start(this.#duration, manager.model.maxConnectionDurationMs);
  }

  get draining(): boolean {
    const { overload, random } = this.#manager;
    this.#drains = this.#manager.isDraining();
    return this.#drains || (overload.disableHttpKeepalive > 0 && random() < overload.disableHttpKeepalive);
  }

  onDrainClose(): void {
    const { n } = this.#manager.stats;
    if (this.#drains) n.cxDrainClose++;
    else n.cxOverloadDisableKeepalive++;
  }

  onDelayedCloseTimeout(): void {
    this.#manager.stats.n.cxDelayedCloseTimeout++;
  }

  /** Closes when the request under way is answered; at once where there is none. */
  drain(): void {
    this.#codec.closeWhenIdle();
  }

  onRequest(stream: ServerStream, head: RequestHead, endStream: boolean): ServerStreamHandler | undefined {
    const exchange = new Exchange(this.#manager, this.#info, stream, head, endStream);
    exchange.begin();
    return exchange.done ? undefined : exchange;
  }

  onRefused(stream: ServerStream, head: RequestHead, fault: RefusedFault): void {
    const exchange = new Exchange(this.#manager, this.#info, stream, head, isReadable(fault));
    if (breaksProtocol(fault)) exchange.addFlag(flag.downstreamProtocolError);
    if (fault === 'head_timeout') this.#manager.stats.n.rqHeaderTimeout++;
    else if (fault === 'fragment') this.#manager.stats.n.rqFailedPathNormalization++;
    exchange.reply(faultStatus[fault], faultText(fault), faultDetails(fault, head.version));
  }

  onUnread(fault: CodecFault, version: HttpVersion): void {
    recordUnread(this.#manager, this.#info, fault, version);
  }

  onConnectionClosed(end: ConnectionEnd): void {
    const { stats, turn } = this.#manager;
    stats.countClosed(end);
    stats.cxLength.record(turn.nowMs - this.#startedMs);
    if (this.#info.tls !== undefined) stats.n.cxSslActive--;
    if (this.#protocol === 'http2') stats.n.cxHttp2Active--;
    else if (this.#protocol === 'http1') stats.n.cxHttp1Active--;
    if (this.#duration !== undefined) this.#manager.timers.stop(this.#duration);
    this.#onClosed();
  }
}
