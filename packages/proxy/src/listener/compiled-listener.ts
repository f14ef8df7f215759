import { answerAndClose } from './answer-and-close.ts';
import type { RuntimeCell } from '../runtime/runtime.ts';
import type { FilterServices } from '../filter/filter-services.ts';
import { isDeepStrictEqual } from 'node:util';
import { messageOf, problems as failed, ok, type Problem, type Result } from '@lateen/core';
import { OverloadState } from '../overload/overload-state.ts';
import type { HashFunction } from '../cluster/balancer/hash-function.ts';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import { DrainSchedule, type DrainStrategy } from '../drain/drain-schedule.ts';
import { ConnectionManager, type ManagerContext } from '../filter/connection-manager.ts';
import type { SocketAddress } from '../model/address.ts';
import type { OriginalSource, LazyTransparentSockets } from '../wire/transparent-socket.ts';
import {
  anyFilterChainMatch,
  type FilterChain,
  type Listener,
  type ListenerFilter,
} from '../model/listener.ts';
import type { NetworkFilter } from '../model/network-filter.ts';
import type { DownstreamTls } from '../model/tls.ts';
import { compileRouteTable, type RouteTable } from '../route/route-table.ts';
import { compileRouteLookup } from '../route/scoped-routes.ts';
import type { VirtualClusterStatsOf } from '../route/virtual-cluster.ts';
import type { RouteConfiguration } from '../model/route.ts';
import type { InspectorStats } from '../telemetry/inspector-stats.ts';
import type { ProxyProtocolStats } from '../telemetry/proxy-protocol-stats.ts';
import type { ConnectionLimitStats } from '../telemetry/connection-limit-stats.ts';
import type { MongoStats } from '../telemetry/mongo-stats.ts';
import type { RedisStats } from '../telemetry/redis-stats.ts';
import type { TcpStats } from '../telemetry/tcp-stats.ts';
import { compileGate, guarded, type ConnectionGate } from './connection-gate.ts';
import { compileTcpProxy } from '../tcp/compile-tcp-proxy.ts';
import { TcpConnection } from '../tcp/tcp-connection.ts';
import { logRefused } from '../tcp/log-refused.ts';
import type { LazyOpenssl } from '../tls/openssl/openssl.ts';
import { downstreamProblems } from '../tls/resource-problems.ts';
import type { SecretStore } from '../tls/secret-store.ts';
import { FollowingTlsSettings } from '../tls/tls-context.ts';
import type { Wire } from '../wire/wire.ts';
import { compileAccessLog, type CompiledAccessLog } from '../telemetry/access-log.ts';
import type { ConnectionInfo } from './connection-info.ts';
import { FilterChainTable, type ConnectionTraits } from './filter-chain-match.ts';
import type { ConnectionIds } from '../workers/connection-ids.ts';
import type { InspectionWish } from './inspection.ts';
import type { LazyFilters } from './lazy-filters.ts';
import { compileProxyHeader, type ProxyHeaderFilter } from './proxy-header-filter.ts';
import { Upkeep } from '../filter/upkeep.ts';

/** A connection that its filter chain has taken over. */
export interface ServedConnection {
  /** Ends it after what it carries; a TCP connection goes on. */
  drain(): void;
}

/** Takes a connection over: sets the wire's handler. `onClosed` is called once, when the connection is gone. */
export interface ServeConnection {
  (wire: Wire, info: ConnectionInfo, onClosed: () => void): ServedConnection;
  /** Logs a connection that a filter before it has refused. */
  readonly logRefused?: ((info: ConnectionInfo) => void) | undefined;
  /** Counts and logs a connection whose handshake has failed: to Envoy it has been one of the chain's from its beginning. */
  readonly unserved?: ((info: ConnectionInfo) => void) | undefined;
}

/** A filter chain ready to serve. */
export interface CompiledChain {
  readonly model: FilterChain;
  readonly serve: ServeConnection;
  /** For when a new version of the listener does not have the chain any more. */
  readonly drain: DrainSchedule;
  /** Undefined for plain connections. */
  readonly tls:
    | {
        readonly model: DownstreamTls;
        readonly settings: FollowingTlsSettings;
        /** Somebody is told the whole chain that a client shows. */
        readonly keepsPeerChain: boolean;
      }
    | undefined;
}

export interface ListenerContext extends ManagerContext {
  /** True where an answer is to be the last of its connection. */
  readonly isDraining: (listener?: Listener) => boolean;
  readonly clusterRef: (name: string) => ClusterRef;
  /** The cluster of a name that a client says. */
  readonly requestedCluster: (name: string) => ClusterRef;
  readonly virtualClusterStats: VirtualClusterStatsOf;
  readonly hasCluster: (name: string) => boolean | undefined;
  readonly hash: HashFunction;
  readonly connectionIds: ConnectionIds;
  readonly tcpStats: (prefix: string) => TcpStats;
  readonly connectionLimitStats: (prefix: string) => ConnectionLimitStats;
  readonly mongoStats: (prefix: string) => MongoStats;
  readonly redisStats: (prefix: string) => RedisStats;
  readonly lazyFilters: LazyFilters;
  readonly transparent: LazyTransparentSockets;
  readonly proxyProtocolStats: (prefix: string) => ProxyProtocolStats;
  readonly inspectorStats: () => InspectorStats;
  readonly secrets: SecretStore;
  readonly openssl: LazyOpenssl;
  /** Connections of clients that all listeners together take. */
  readonly maxDownstreamConnections: () => number;
  /** What the runtime says of a key, as it changes. */
  readonly runtimeCell: (key: string) => RuntimeCell;
  /** Into which all plain sockets read. */
  readonly readBuffer: Buffer;
}

/** A listener ready to take connections. */
export class CompiledListener {
  readonly model: Listener;
  readonly #chains: FilterChainTable<CompiledChain>;
  readonly #default: CompiledChain | undefined;
  readonly #disabled: { readonly tls: PortTest; readonly http: PortTest };
  readonly #fingerprints: Pick<InspectionWish, 'ja3' | 'ja4'>;
  readonly needsOriginalDestination: boolean;
  readonly needsTransparentSockets: boolean;
  /** Reads the PROXY protocol's header, which comes before everything else; undefined where none is looked for. */
  readonly proxyHeader: ProxyHeaderFilter | undefined;
  /** Of the listener filters that inspect; undefined where it has none. */
  readonly inspectorStats: InspectorStats | undefined;
  readonly upkeep: Upkeep;
  /** Told of each connection when it is gone. */
  readonly accessLogs: readonly CompiledAccessLog[];
  readonly #originalSrc: ListenerFilter['originalSrc'];
  /** True where every client begins with TLS: its first message is looked at without being asked to. */
  readonly #onlyTls: boolean;
  /** True where the chain of a client does not depend on what it says first. */
  readonly #isDeaf: boolean;
  readonly #handshakeTimeoutMs: number;

  /** Of its filter chains. */
  readonly #drains: readonly DrainSchedule[];

  constructor(
    model: Listener,
    chains: FilterChainTable<CompiledChain>,
    standard: CompiledChain | undefined,
    proxyHeader: ProxyHeaderFilter | undefined,
    drains: readonly DrainSchedule[],
    accessLogs: readonly CompiledAccessLog[],
    inspectorStats: InspectorStats | undefined,
    upkeep: Upkeep,
  ) {
    this.model = model;
    this.upkeep = upkeep;
    this.inspectorStats = inspectorStats;
    this.accessLogs = accessLogs;
    this.proxyHeader = proxyHeader;
    this.#drains = drains;
    this.#originalSrc = model.listenerFilters.find(({ kind }) => kind === 'original_src')?.originalSrc;
    this.needsTransparentSockets = model.transparent || this.#originalSrc !== undefined;
    this.#chains = chains;
    this.#default = standard;
    this.#fingerprints = fingerprintsOf(model);
    this.#disabled = { tls: runsOn(model, 'tls_inspector'), http: runsOn(model, 'http_inspector') };
    const has = (kind: string): boolean => model.listenerFilters.some((filter) => filter.kind === kind);
    this.needsOriginalDestination = model.useOriginalDst || has('original_dst');
    const all = [
      ...model.filterChains,
      ...(model.defaultFilterChain === undefined ? [] : [model.defaultFilterChain]),
    ];
    this.#onlyTls = all.every((chain) => chain.transport.kind === 'downstream_tls');
    this.#isDeaf = model.filterChains.every(
      ({ match: { serverNames, applicationProtocols, transportProtocol } }) =>
        serverNames.length === 0 && applicationProtocols.length === 0 && transportProtocol === undefined,
    );
    this.#handshakeTimeoutMs = Math.min(...all.map(handshakeTimeoutOf));
  }

  /** What must be known of the first bytes before a chain can be chosen; undefined: nothing. */
  inspects(port: number): InspectionWish | undefined {
    const tls = this.#onlyTls || this.#disabled.tls(port);
    const http = this.#disabled.http(port);
    return tls || http ? { tls, http, ...this.#fingerprints } : undefined;
  }

  /**
   * The time in which a client has to finish its handshake, from its acceptance on; undefined where listener filters wait
   * for its first bytes, for as long as they may.
   */
  handshakeTimeoutMs(port: number): number | undefined {
    const isLookedAt = !this.#isDeaf || this.#disabled.tls(port) || this.#disabled.http(port);
    return isLookedAt || this.proxyHeader !== undefined ? undefined : this.#handshakeTimeoutMs;
  }

  /** Lets the answers of all its connections end them, more and more over the time. */
  startDraining(durationMs: number, strategy: DrainStrategy): void {
    for (const drain of this.#drains) drain.start(durationMs, strategy);
  }

  get draining(): boolean {
    return this.#drains.some((drain) => drain.started);
  }

  /** True where one of the filter chains is like this one in everything. */
  hasChain(chain: FilterChain): boolean {
    const { filterChains, defaultFilterChain } = this.model;
    return (
      filterChains.some((one) => one.name === chain.name && isDeepStrictEqual(one, chain)) ||
      (defaultFilterChain !== undefined &&
        isDeepStrictEqual({ ...defaultFilterChain, match: anyFilterChainMatch }, chain))
    );
  }

  /** Where connections made for a client are to come from. */
  sourceOf({ address, port }: SocketAddress): OriginalSource | undefined {
    const rules = this.#originalSrc;
    // Over a Unix socket clients have no address.
    if (rules === undefined || address === '') return undefined;
    return { address, port: rules.bindPort ? port : 0, mark: rules.mark };
  }

  /** Undefined where no chain takes the connection. */
  chainFor(traits: ConnectionTraits): CompiledChain | undefined {
    return this.#chains.find(traits) ?? this.#default;
  }
}

/** Where the configuration sets none: a client that never finishes its handshake shall not stay for ever. */
const standardHandshakeTimeoutMs = 60_000;

/** How long a client of a chain may take for its handshake. */
export function handshakeTimeoutOf({ transportConnectTimeoutMs }: FilterChain): number {
  return transportConnectTimeoutMs > 0 ? transportConnectTimeoutMs : standardHandshakeTimeoutMs;
}

/** The fingerprints that any of the inspectors takes. */
function fingerprintsOf({ listenerFilters }: Listener): Pick<InspectionWish, 'ja3' | 'ja4'> {
  const all = listenerFilters.flatMap(({ fingerprints = [] }) => fingerprints);
  return all.length === 0 ? {} : { ja3: all.includes('ja3'), ja4: all.includes('ja4') };
}

type PortTest = (port: number) => boolean;

/** True for ports on which a listener filter of this kind runs. */
function runsOn(model: Listener, kind: string): PortTest {
  const filters = model.listenerFilters.filter((filter) => filter.kind === kind);
  if (filters.length === 0) return () => false;
  return (port) =>
    filters.some(
      ({ disabledOnPorts }) => !disabledOnPorts.some(({ start, end }) => port >= start && port < end),
    );
}

function followDownstream(model: DownstreamTls, context: ListenerContext): FollowingTlsSettings {
  return new FollowingTlsSettings(context.openssl, model.options, context.secrets, {
    writeLog: context.writeLog,
    choosesProtocol: true,
    scansAllCertificates: model.scansAllCertificates === true,
    sessionTimeoutMs: model.sessionTimeoutMs,
    ticketsDisabled: model.disableStatelessResumption,
    ticketKeys: model.sessionTicketKeys,
    ticketKeysSecret: model.sessionTicketKeysSecret,
    stapling: { policy: model.ocspPolicy ?? 'lenient', now: () => context.clock.now() },
  });
}

const inspectors: ReadonlySet<string> = new Set(['tls_inspector', 'http_inspector']);

/** Compiles a listener with all its filter chains, or says what is wrong with it. */
export function compileListener(model: Listener, context: ListenerContext): Result<CompiledListener> {
  const bad: Problem[] = [];
  const upkeep = new Upkeep();
  const chains = model.filterChains.flatMap((chain, i) => {
    const serve = compileChain(chain, model, context, upkeep, `filter_chains[${i}]`, bad);
    return serve === undefined ? [] : [{ match: chain.match, chain: serve }];
  });
  const accessLogs = model.accessLogs.flatMap((log, i) => {
    const compiled = compileAccessLog(log, context);
    if (compiled.ok) return [compiled.value];
    bad.push(...compiled.problems.map((p) => ({ ...p, path: `access_log[${i}].typed_config.${p.path}` })));
    return [];
  });
  const { defaultFilterChain } = model;
  const standard =
    defaultFilterChain === undefined
      ? undefined
      : compileChain(
          { ...defaultFilterChain, match: anyFilterChainMatch },
          model,
          context,
          upkeep,
          'default_filter_chain',
          bad,
        );
  return bad.length > 0
    ? failed(bad)
    : ok(
        new CompiledListener(
          model,
          new FilterChainTable(chains),
          standard,
          compileProxyHeader(model, context.proxyProtocolStats),
          [...chains.map(({ chain }) => chain), ...(standard === undefined ? [] : [standard])].map(
            ({ drain }) => drain,
          ),
          accessLogs,
          model.listenerFilters.some(({ kind }) => inspectors.has(kind))
            ? context.inspectorStats()
            : undefined,
          upkeep,
        ),
      );
}

function compileChain(
  chain: FilterChain,
  listener: Listener,
  shared: ListenerContext,
  upkeep: Upkeep,
  path: string,
  bad: Problem[],
): CompiledChain | undefined {
  const drain = new DrainSchedule(shared.clock, shared.random);
  const context: ListenerContext = {
    ...shared,
    filterServices: { ...servicesFor(listener, shared.filterServices), upkeep },
    isDraining: () => drain.closes() || shared.isDraining(listener),
    ...(listener.bypassOverloadManager === true ? { overload: new OverloadState() } : {}),
  };
  let serve: ServeConnection | undefined;
  const gates: ConnectionGate[] = [];
  const watchers: ((serve: ServeConnection) => ServeConnection)[] = [];
  let tellsOfBytes = false;
  chain.filters.forEach((filter, i) => {
    const at = `${path}.filters[${i}]`;
    if (filter.kind === 'rbac' && tellsOfBytes) {
      try {
        watchers.push(context.lazyFilters.watchedRules.watchRules(filter, context));
      } catch (error) {
        bad.push({ path: at, message: messageOf(error) });
      }
      return;
    }
    const gate = compileGate(filter, context, at, bad);
    if (gate !== undefined) {
      gates.push(gate);
      return;
    }
    if (filter.kind === 'mongo_proxy') {
      watchers.push(context.lazyFilters.mongo.compileMongoProxy(filter, context));
      tellsOfBytes ||= filter.emitMetadata;
      return;
    }
    const compiled = compileFilter(filter, chain, listener, context, `${at}.typed_config`, bad);
    if (compiled === undefined) return;
    if (serve !== undefined)
      bad.push({ path: at, message: `"${filter.name}" comes after a filter that ends the chain` });
    serve = compiled;
  });
  if (serve === undefined)
    bad.push({ path: `${path}.filters`, message: 'no filter of the chain serves its connections' });
  if (serve === undefined) return undefined;
  const watched = watchers.reduceRight((inner, watch) => watch(inner), serve);
  const { transport } = chain;
  const settings = transport.kind === 'downstream_tls' ? followDownstream(transport, context) : undefined;
  bad.push(...downstreamProblems(context.openssl, transport, `${path}.transport_socket.typed_config`));
  const tls =
    transport.kind === 'downstream_tls' && settings !== undefined
      ? {
          model: transport,
          settings,
          keepsPeerChain: tellsPeerChain(listener, chain),
        }
      : undefined;
  return {
    model: chain,
    serve: guarded(watched, serve, gates, context.timers, context.turn),
    tls,
    drain,
  };
}

/** True where endpoints or access logs are told the whole chain that a client shows. */
function tellsPeerChain({ accessLogs }: Listener, { filters }: FilterChain): boolean {
  if (filters.some((one) => one.kind === 'http_connection_manager' && one.forwardClientCert.chain))
    return true;
  const logs = [...accessLogs, ...filters.flatMap((one) => ('accessLogs' in one ? one.accessLogs : []))];
  return logs.some(({ format }) => JSON.stringify(format ?? '').includes('_PEER_CHAIN_'));
}

/** Limits of one listener are not those of another. */
function servicesFor({ name }: Listener, services: FilterServices): FilterServices {
  const { limits } = services;
  return limits === undefined
    ? services
    : { ...services, limits: { cells: limits.cells, owner: `listener ${name}` } };
}

function compileFilter(
  filter: NetworkFilter,
  chain: FilterChain,
  listener: Listener,
  context: ListenerContext,
  path: string,
  bad: Problem[],
): ServeConnection | undefined {
  switch (filter.kind) {
    case 'http_connection_manager': {
      const inline = (config: RouteConfiguration, at: string): RouteTable | undefined => {
        const compiled = compileRouteTable(config, context);
        if (compiled.ok) return compiled.value;
        bad.push(...compiled.problems.map((p) => ({ ...p, path: `${path}.${at}.${p.path}` })));
        return undefined;
      };
      const manager = ConnectionManager.compile(
        filter,
        context,
        compileRouteLookup(filter.routes, inline, context.routeTable),
        listener.trafficDirection,
        listener.perConnectionBufferLimitBytes,
        path,
        bad,
      );
      const serve = (wire: Wire, info: ConnectionInfo, onClosed: () => void): ServedConnection =>
        manager.serve(wire, info, onClosed);
      return Object.assign(serve, { unserved: () => manager.stats.countUnserved() });
    }
    case 'tcp_proxy': {
      const setup = compileTcpProxy(filter, chain, listener, context, path, bad);
      const serve = (wire: Wire, info: ConnectionInfo, onClosed: () => void): ServedConnection => {
        const connection = new TcpConnection(setup, wire, info, onClosed);
        return { drain: () => void connection };
      };
      const unserved = (info: ConnectionInfo): void => {
        setup.stats.cxTotal++;
        logRefused(setup, info);
      };
      return Object.assign(serve, {
        logRefused: (info: ConnectionInfo) => logRefused(setup, info),
        unserved,
      });
    }
    case 'redis_proxy':
      return context.lazyFilters.redis.compileRedisProxy(filter, context, path, bad);
    case 'direct_response':
      return (wire, _info, onClosed) => {
        answerAndClose(wire, filter.body, context.timers, onClosed);
        return { drain: () => {} };
      };
    default:
      return undefined;
  }
}
