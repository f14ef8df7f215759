import type { PortProtocol } from '@lateen/config';
import { packAny, type Any, type JsonObject } from '@lateen/protocol';
import type { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import type { Filter } from '@lateen/protocol/envoy/config/listener/v3';
import { Cors } from '@lateen/protocol/envoy/extensions/filters/http/cors/v3';
import { HTTPFault } from '@lateen/protocol/envoy/extensions/filters/http/fault/v3';
import { FilterConfig as GrpcStats } from '@lateen/protocol/envoy/extensions/filters/http/grpc_stats/v3';
import { Router } from '@lateen/protocol/envoy/extensions/filters/http/router/v3';
import {
  HttpConnectionManager,
  type HttpFilter,
} from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import { MongoProxy } from '@lateen/protocol/envoy/extensions/filters/network/mongo_proxy/v3';
import { RedisProxy } from '@lateen/protocol/envoy/extensions/filters/network/redis_proxy/v3';
import { TcpProxy } from '@lateen/protocol/envoy/extensions/filters/network/tcp_proxy/v3';
import { TypedStruct } from '@lateen/protocol/udpa/type/v1';
import type { GatewayTopology } from '../../model/gateway-topology.ts';
import type { MeshSettings } from '../../model/mesh-settings.ts';
import { corsFilter, faultFilter } from '../route/fault.ts';
import { accessLogs } from './access-log.ts';

/** From whose side a connection manager looks at a request. */
export type Direction = 'outbound' | 'inbound' | 'gateway';

function typedStruct(typeUrl: string, value: JsonObject): Any {
  return packAny(TypedStruct, { typeUrl, value });
}

/** Istio's standard metrics: a filter of Istio's own, whose configuration Envoy's messages do not have. */
function statsFilter(): { readonly name: string; readonly typedConfig: Any } {
  return { name: 'istio.stats', typedConfig: typedStruct('type.googleapis.com/stats.PluginConfig', {}) };
}

/**
 * Tells the proxies at both ends of a request who the other is, for their metrics: a filter of Istio's own.
 *
 * Within the mesh it is told in headers; from outside of the mesh nobody is believed.
 */
function peerMetadataFilter(direction: Direction): HttpFilter {
  const headers = { istio_headers: {} };
  const known = [headers, { workload_discovery: {} }];
  const value: JsonObject =
    direction === 'inbound'
      ? { downstream_discovery: known, downstream_propagation: [headers] }
      : { upstream_discovery: known, upstream_propagation: [headers] };
  return {
    name: 'istio.metadata_exchange',
    typedConfig: typedStruct('type.googleapis.com/io.istio.http.peer_metadata.Config', value),
  };
}

function httpFilters(direction: Direction, security: readonly HttpFilter[]): HttpFilter[] {
  return [
    peerMetadataFilter(direction),
    ...security,
    {
      name: 'envoy.filters.http.grpc_stats',
      typedConfig: packAny(GrpcStats, { emitFilterState: true, statsForAllMethods: false }),
    },
    { name: faultFilter, typedConfig: packAny(HTTPFault, {}) },
    { name: corsFilter, typedConfig: packAny(Cors, {}) },
    statsFilter(),
    { name: 'envoy.filters.http.router', typedConfig: packAny(Router, {}) },
  ];
}

const keepEscapedSlashes = { pathWithEscapedSlashesAction: 'KEEP_UNCHANGED' } as const;

/** What Envoy is told for each of Istio's ways to normalise paths; `normalize_path` is always said, since Envoy's runtime decides where it is not. */
const pathNormalization: Readonly<Record<MeshSettings['pathNormalization'], Partial<HttpConnectionManager>>> =
  {
    NONE: { normalizePath: false, ...keepEscapedSlashes },
    BASE: { normalizePath: true, ...keepEscapedSlashes },
    MERGE_SLASHES: { normalizePath: true, mergeSlashes: true, ...keepEscapedSlashes },
    DECODE_AND_MERGE_SLASHES: {
      normalizePath: true,
      mergeSlashes: true,
      pathWithEscapedSlashesAction: 'UNESCAPE_AND_FORWARD',
    },
  };

/** Routes of a connection manager: fetched by name, or given with it. */
export type RouteSource = { readonly rds: string } | { readonly inline: RouteConfiguration };

/** The filter that serves HTTP. */
export function httpConnectionManager(options: {
  readonly statPrefix: string;
  readonly routes: RouteSource;
  readonly direction: Direction;
  readonly mesh: MeshSettings;
  /** Filters that decide who may pass; none where left out. */
  readonly security?: readonly HttpFilter[];
  /** What stands before a gateway. */
  readonly topology?: GatewayTopology;
}): Filter {
  const { routes, direction, mesh, topology = {} } = options;
  const logs = accessLogs(mesh);
  const manager: HttpConnectionManager = {
    statPrefix: options.statPrefix,
    ...('rds' in routes
      ? {
          rds: {
            configSource: { ads: {}, initialFetchTimeout: 0, resourceApiVersion: 'V3' },
            routeConfigName: routes.rds,
          },
        }
      : { routeConfig: routes.inline }),
    httpFilters: httpFilters(direction, options.security ?? []),
    serverName: 'istio-envoy',
    useRemoteAddress: direction === 'gateway',
    ...(direction === 'gateway'
      ? {
          forwardClientCertDetails: topology.forwardClientCertDetails ?? 'SANITIZE_SET',
          ...(topology.numTrustedProxies ? { xffNumTrustedHops: topology.numTrustedProxies } : {}),
          setCurrentClientCertDetails: { subject: true, cert: true, dns: true, uri: true },
        }
      : {}),
    ...(direction === 'inbound'
      ? {
          forwardClientCertDetails: 'APPEND_FORWARD',
          setCurrentClientCertDetails: { subject: true, dns: true, uri: true },
        }
      : {}),
    streamIdleTimeout: 0,
    ...pathNormalization[mesh.pathNormalization],
    upgradeConfigs: [{ upgradeType: 'websocket' }],
    httpProtocolOptions: { acceptHttp10: true },
    ...(logs.length === 0 ? {} : { accessLog: logs }),
  };
  return {
    name: 'envoy.filters.network.http_connection_manager',
    typedConfig: packAny(HttpConnectionManager, manager),
  };
}

/** A cluster with its share of the connections. */
export interface WeightedTarget {
  readonly cluster: string;
  readonly weight: number;
}

/** How connections that are no HTTP are treated, besides where they go. */
export interface TcpPolicy {
  /** Time without bytes after which a connection is closed; an hour where left out. */
  readonly idleTimeoutMs?: number;
  /** Longest life of a connection; no end where left out. */
  readonly maxDurationMs?: number;
  /** True where the client's address chooses the endpoint. */
  readonly hashesSourceAddress?: boolean;
  /** Asks the endpoint for a tunnel to somewhere else, by CONNECT or POST. */
  readonly tunnel?: { readonly authority: string; readonly usesPost: boolean };
}

/** Where connections that are no HTTP go, and how. */
export interface PassedConnections {
  readonly targets: readonly WeightedTarget[];
  readonly policy?: TcpPolicy;
  /** What the port is named for; undefined where that is not known. */
  readonly protocol?: PortProtocol;
}

/** All connections to one cluster. */
export function toCluster(cluster: string, protocol: PortProtocol = 'tcp'): PassedConnections {
  return { targets: [{ cluster, weight: 1 }], protocol };
}

/** The filters that pass a connection on. */
export function tcpFilters(
  { targets, policy = {}, protocol = 'tcp' }: PassedConnections,
  mesh: MeshSettings,
): Filter[] {
  const [first, ...others] = targets;
  const statPrefix = first !== undefined && others.length === 0 ? first.cluster : 'weighted';
  if (protocol === 'redis' && mesh.redisFilter && first !== undefined && others.length === 0)
    return [statsFilter(), redisFilter(first.cluster, statPrefix)];
  const logs = accessLogs(mesh);
  const proxy: TcpProxy = {
    statPrefix,
    ...(first !== undefined && others.length === 0
      ? { cluster: first.cluster }
      : {
          weightedClusters: {
            clusters: targets.map(({ cluster, weight }) => ({ name: cluster, weight })),
          },
        }),
    ...(policy.idleTimeoutMs === undefined ? {} : { idleTimeout: policy.idleTimeoutMs }),
    ...(policy.maxDurationMs === undefined ? {} : { maxDownstreamConnectionDuration: policy.maxDurationMs }),
    ...(policy.hashesSourceAddress === true ? { hashPolicy: [{ sourceIp: {} }] } : {}),
    ...(policy.tunnel === undefined
      ? {}
      : { tunnelingConfig: { hostname: policy.tunnel.authority, usePost: policy.tunnel.usesPost } }),
    ...(logs.length === 0 ? {} : { accessLog: logs }),
  };
  return [
    statsFilter(),
    ...(protocol === 'mongo' && mesh.mongoFilter ? [mongoFilter(statPrefix)] : []),
    { name: 'envoy.filters.network.tcp_proxy', typedConfig: packAny(TcpProxy, proxy) },
  ];
}

/** Counts what passes to MongoDB. */
function mongoFilter(statPrefix: string): Filter {
  return { name: 'envoy.filters.network.mongo_proxy', typedConfig: packAny(MongoProxy, { statPrefix }) };
}

/** Redis for as long as Istio gives an endpoint; its latencies are less than a millisecond. */
function redisFilter(cluster: string, statPrefix: string): Filter {
  const proxy: RedisProxy = {
    statPrefix,
    latencyInMicros: true,
    settings: { opTimeout: 5_000 },
    prefixRoutes: { catchAllRoute: { cluster } },
  };
  return { name: 'envoy.filters.network.redis_proxy', typedConfig: packAny(RedisProxy, proxy) };
}
