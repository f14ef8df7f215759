import { RedisClusterConfig } from '@lateen/protocol/envoy/extensions/clusters/redis/v3';
import { CaresDnsResolverConfig } from '@lateen/protocol/envoy/extensions/network/dns_resolver/cares/v3';
import { GetAddrInfoDnsResolverConfig } from '@lateen/protocol/envoy/extensions/network/dns_resolver/getaddrinfo/v3';
import { HealthCheckEventFileSink } from '@lateen/protocol/envoy/extensions/health_check/event_sinks/file/v3';
import { Redis } from '@lateen/protocol/envoy/extensions/health_checkers/redis/v3';
import { CgroupMemoryConfig } from '@lateen/protocol/envoy/extensions/resource_monitors/cgroup_memory/v3';
import { CpuUtilizationConfig } from '@lateen/protocol/envoy/extensions/resource_monitors/cpu_utilization/v3';
import { DownstreamConnectionsConfig } from '@lateen/protocol/envoy/extensions/resource_monitors/downstream_connections/v3';
import { FixedHeapConfig } from '@lateen/protocol/envoy/extensions/resource_monitors/fixed_heap/v3';
import { InjectedResourceConfig } from '@lateen/protocol/envoy/extensions/resource_monitors/injected_resource/v3';
import { typeRegistry, type AnyMessageType, type TypeRegistry } from '@lateen/protocol';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import { DogStatsdSink, MetricsServiceConfig, StatsdSink } from '@lateen/protocol/envoy/config/metrics/v3';
import { ClusterLoadAssignment } from '@lateen/protocol/envoy/config/endpoint/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { FilterConfig, RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import { OpenTelemetryConfig, ZipkinConfig } from '@lateen/protocol/envoy/config/trace/v3';
import { ClusterConfig as AggregateConfig } from '@lateen/protocol/envoy/extensions/clusters/aggregate/v3';
import { ExpressionFilter } from '@lateen/protocol/envoy/extensions/access_loggers/filters/cel/v3';
import { FileAccessLog } from '@lateen/protocol/envoy/extensions/access_loggers/file/v3';
import {
  HttpGrpcAccessLogConfig,
  TcpGrpcAccessLogConfig,
} from '@lateen/protocol/envoy/extensions/access_loggers/grpc/v3';
import { OpenTelemetryAccessLogConfig } from '@lateen/protocol/envoy/extensions/access_loggers/open_telemetry/v3';
import { StderrAccessLog, StdoutAccessLog } from '@lateen/protocol/envoy/extensions/access_loggers/stream/v3';
import { Cors, CorsPolicy } from '@lateen/protocol/envoy/extensions/filters/http/cors/v3';
import { HTTPFault } from '@lateen/protocol/envoy/extensions/filters/http/fault/v3';
import { FilterConfig as GrpcStats } from '@lateen/protocol/envoy/extensions/filters/http/grpc_stats/v3';
import { LocalRateLimit } from '@lateen/protocol/envoy/extensions/filters/http/local_ratelimit/v3';
import { RBAC as HttpRbac, RBACPerRoute } from '@lateen/protocol/envoy/extensions/filters/http/rbac/v3';
import {
  OnDemand,
  PerRouteConfig as OnDemandPerRoute,
} from '@lateen/protocol/envoy/extensions/filters/http/on_demand/v3';
import { Router } from '@lateen/protocol/envoy/extensions/filters/http/router/v3';
import { HttpInspector } from '@lateen/protocol/envoy/extensions/filters/listener/http_inspector/v3';
import { OriginalDst } from '@lateen/protocol/envoy/extensions/filters/listener/original_dst/v3';
import { OriginalSrc } from '@lateen/protocol/envoy/extensions/filters/listener/original_src/v3';
import { ProxyProtocol } from '@lateen/protocol/envoy/extensions/filters/listener/proxy_protocol/v3';
import { TlsInspector } from '@lateen/protocol/envoy/extensions/filters/listener/tls_inspector/v3';
import { ConnectionLimit } from '@lateen/protocol/envoy/extensions/filters/network/connection_limit/v3';
import { Config as DirectResponse } from '@lateen/protocol/envoy/extensions/filters/network/direct_response/v3';
import { HttpConnectionManager } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import { LocalRateLimit as NetworkLocalRateLimit } from '@lateen/protocol/envoy/extensions/filters/network/local_ratelimit/v3';
import { RBAC as NetworkRbac } from '@lateen/protocol/envoy/extensions/filters/network/rbac/v3';
import { MongoProxy } from '@lateen/protocol/envoy/extensions/filters/network/mongo_proxy/v3';
import {
  RedisProtocolOptions,
  RedisProxy,
} from '@lateen/protocol/envoy/extensions/filters/network/redis_proxy/v3';
import { ExtAuthz as NetworkExtAuthz } from '@lateen/protocol/envoy/extensions/filters/network/ext_authz/v3';
import { SniCluster } from '@lateen/protocol/envoy/extensions/filters/network/sni_cluster/v3';
import { TcpProxy } from '@lateen/protocol/envoy/extensions/filters/network/tcp_proxy/v3';
import { ClusterProvided } from '@lateen/protocol/envoy/extensions/load_balancing_policies/cluster_provided/v3';
import { LeastRequest } from '@lateen/protocol/envoy/extensions/load_balancing_policies/least_request/v3';
import { Maglev } from '@lateen/protocol/envoy/extensions/load_balancing_policies/maglev/v3';
import { Random } from '@lateen/protocol/envoy/extensions/load_balancing_policies/random/v3';
import { RingHash } from '@lateen/protocol/envoy/extensions/load_balancing_policies/ring_hash/v3';
import { RoundRobin } from '@lateen/protocol/envoy/extensions/load_balancing_policies/round_robin/v3';
import { WrrLocality } from '@lateen/protocol/envoy/extensions/load_balancing_policies/wrr_locality/v3';
import { PreviousHostsPredicate } from '@lateen/protocol/envoy/extensions/retry/host/previous_hosts/v3';
import { PreviousPrioritiesConfig } from '@lateen/protocol/envoy/extensions/retry/priority/previous_priorities/v3';
import { ProxyProtocolUpstreamTransport } from '@lateen/protocol/envoy/extensions/transport_sockets/proxy_protocol/v3';
import { RawBuffer } from '@lateen/protocol/envoy/extensions/transport_sockets/raw_buffer/v3';
import {
  DownstreamTlsContext,
  Secret,
  SPIFFECertValidatorConfig,
  UpstreamTlsContext,
} from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import { HttpProtocolOptions } from '@lateen/protocol/envoy/extensions/upstreams/http/v3';
import { Resource } from '@lateen/protocol/envoy/service/discovery/v3';
import { Runtime } from '@lateen/protocol/envoy/service/runtime/v3';
import { PluginConfig as IstioStats } from '@lateen/protocol/stats';
import { TypedStruct as UdpaTypedStruct } from '@lateen/protocol/udpa/type/v1';
import { TypedStruct } from '@lateen/protocol/xds/type/v3';
import { knownHttpTypes } from './known-http-types.ts';

/** The messages that this proxy takes inside an Any; resources themselves are among them. */
export const typesInAny = (): readonly AnyMessageType[] => [
  AggregateConfig,
  Cluster,
  ClusterLoadAssignment,
  ClusterProvided,
  ConnectionLimit,
  Cors,
  CorsPolicy,
  DirectResponse,
  DogStatsdSink,
  MetricsServiceConfig,
  DownstreamTlsContext,
  ExpressionFilter,
  FileAccessLog,
  FilterConfig,
  GrpcStats,
  HTTPFault,
  HttpConnectionManager,
  HttpGrpcAccessLogConfig,
  HttpInspector,
  HttpProtocolOptions,
  NetworkExtAuthz,
  HttpRbac,
  IstioStats,
  LeastRequest,
  Listener,
  LocalRateLimit,
  Maglev,
  MongoProxy,
  NetworkLocalRateLimit,
  NetworkRbac,
  OnDemand,
  OnDemandPerRoute,
  OpenTelemetryAccessLogConfig,
  OpenTelemetryConfig,
  OriginalDst,
  OriginalSrc,
  PreviousHostsPredicate,
  PreviousPrioritiesConfig,
  ProxyProtocol,
  ProxyProtocolUpstreamTransport,
  RBACPerRoute,
  Random,
  RawBuffer,
  RedisProtocolOptions,
  Redis,
  RedisClusterConfig,
  CaresDnsResolverConfig,
  GetAddrInfoDnsResolverConfig,
  HealthCheckEventFileSink,
  RedisProxy,
  Resource,
  RingHash,
  RoundRobin,
  RouteConfiguration,
  Router,
  Runtime,
  Secret,
  SniCluster,
  StatsdSink,
  StderrAccessLog,
  StdoutAccessLog,
  TcpGrpcAccessLogConfig,
  TcpProxy,
  SPIFFECertValidatorConfig,
  TlsInspector,
  TypedExtensionConfig,
  TypedStruct,
  UdpaTypedStruct,
  UpstreamTlsContext,
  WrrLocality,
  ZipkinConfig,
  ...knownHttpTypes,
  FixedHeapConfig,
  InjectedResourceConfig,
  CpuUtilizationConfig,
  CgroupMemoryConfig,
  DownstreamConnectionsConfig,
];

export const knownTypes: TypeRegistry = typeRegistry(typesInAny);
