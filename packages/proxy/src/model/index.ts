export {
  formatAddress,
  type Address,
  type CidrRange,
  type PipeAddress,
  type SocketAddress,
} from './address.ts';
export type { SessionState, StatefulSession } from './stateful-session.ts';
export type { Compression, Compressor, CompressorRoute } from './compressor.ts';
export type {
  AccessLog,
  AccessLogFilter,
  AccessLogFormat,
  LogAttributes,
  LogService,
  RemoteLogSink,
} from './access-log.ts';
export type {
  ApplyResult,
  DataPlaneChange,
  RefusedResource,
  ResourceChange,
  ResourceKind,
} from './change.ts';
export type {
  CircuitBreakerThresholds,
  Cluster,
  Discovery,
  HealthCheck,
  LoadBalancing,
  OutlierDetection,
  SlowStart,
  StatusRange,
  SubsetBalancing,
  SubsetFallback,
  SubsetSelector,
  ZoneAware,
  HappyEyeballs,
  UpstreamHttpOptions,
} from './cluster.ts';
export {
  defaultIstioStats,
  type IstioMetricName,
  type IstioStatsFilter,
  type IstioStatsOptions,
} from './istio-stats.ts';
export type { MongoProxy } from './mongo.ts';
export type {
  RedisCredentials,
  RedisFault,
  RedisMirror,
  RedisProxy,
  RedisReadPolicy,
  RedisRoute,
} from './redis.ts';
export type { ClusterStatus, EndpointStatus, ListenerChoice, ListenerStatus } from './status.ts';
export type { NodeIdentity } from './node-identity.ts';
export {
  defaultCluster,
  defaultZoneAware,
  defaultFilterChain,
  defaultForward,
  defaultHttp2,
  defaultHttpConnectionManager,
  defaultListener,
  defaultLocalRateLimit,
  defaultRoute,
  defaultRouteConfiguration,
  defaultTcpProxy,
  defaultThresholds,
  defaultUpstreamHttp,
  defaultVirtualHost,
  heldVirtualHost,
} from './defaults.ts';
export type {
  ClusterLoadAssignment,
  Endpoint,
  HealthStatus,
  Locality,
  LocalityEndpoints,
} from './endpoint.ts';
export type {
  CorsPolicy,
  CsrfPolicy,
  MetadataToSet,
  FaultPolicy,
  HeaderMutations,
  HttpFilter,
  HttpFilterConfig,
  RbacRules,
} from './http-filter.ts';
export {
  anyFilterChainMatch,
  type FilterChain,
  type FilterChainMatch,
  type Listener,
  type ListenerFilter,
} from './listener.ts';
export type { AuthorizedBody, ExtAuthz, ExtAuthzRoute, GrpcAuthorizer, HttpAuthorizer } from './ext-authz.ts';
export type { JwksSource, JwtAuthn, JwtProvider, JwtRequirement } from './jwt-authn.ts';
export type { MetadataMatch } from './metadata-match.ts';
export type { GrpcServiceConfig } from './grpc-service.ts';
export type {
  GlobalRateLimit,
  HostRateLimits,
  LocalRateLimit,
  MetadataKey,
  RateLimitAction,
  RateLimitRule,
  TokenBucketConfig,
} from './rate-limit.ts';
export type { JsonValue, Metadata } from './metadata.ts';
export type {
  ForwardClientCert,
  Http2FloodLimits,
  Http2Options,
  HttpConnectionManager,
  IpDetection,
  LocalReplyConfig,
  LocalReplyFormat,
  LocalReplyMapper,
  NetworkFilter,
  PathNormalization,
  TcpProxy,
  TcpTunnel,
} from './network-filter.ts';
export {
  referenceKey,
  type ConfigSource,
  type GrpcTarget,
  type RequestRate,
  type OnDemandClusters,
  type ReferenceKind,
  type ReferenceSources,
  type ReferredKind,
} from './config-source.ts';
export type { DiscoveredFilter } from './discovered-filter.ts';
export { discoveredFiltersOf, type ExtensionConfig } from './extension.ts';
export { endpointNameOf, routeNamesOf, routeOwnersOf, secretNamesOf } from './references.ts';
export {
  noHeaderOperations,
  type ClusterChoice,
  type DirectResponseAction,
  type ForwardAction,
  type HashPolicy,
  type HeaderAddition,
  type HeaderMatch,
  type HeaderOperations,
  type HedgePolicy,
  type InternalRedirectPolicy,
  type MirrorPolicy,
  type PathMatch,
  type QueryParameterMatch,
  type RedirectAction,
  type RegexRewrite,
  type RetryPolicy,
  type RouteSource,
  type ScopeFragment,
  type Route,
  type RouteAction,
  type RouteConfiguration,
  type RouteMatch,
  type RouteTableSettings,
  type UpgradeRule,
  type VirtualCluster,
  type VirtualHost,
  type VirtualHostSource,
  type WeightedCluster,
} from './route.ts';
export type { Fraction, StringMatch } from './string-match.ts';
export type {
  CustomTag,
  RequestIdOptions,
  RouteTracing,
  TraceProvider,
  TraceSampling,
  Tracing,
} from './tracing.ts';
export type {
  CertificateValidation,
  DataSource,
  DownstreamTls,
  DownstreamTransport,
  OcspPolicy,
  SanMatch,
  Secret,
  TlsCertificate,
  TlsKeyLog,
  TlsOptions,
  TlsVersion,
  UpstreamTls,
  UpstreamTransport,
} from './tls.ts';
