import * as accesslog from '@lateen/protocol/envoy/config/accesslog/v3';
import * as cluster from '@lateen/protocol/envoy/config/cluster/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import * as endpoint from '@lateen/protocol/envoy/config/endpoint/v3';
import * as listener from '@lateen/protocol/envoy/config/listener/v3';
import * as rbac from '@lateen/protocol/envoy/config/rbac/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import * as trace from '@lateen/protocol/envoy/config/trace/v3';
import * as commonFault from '@lateen/protocol/envoy/extensions/filters/common/fault/v3';
import * as httpFault from '@lateen/protocol/envoy/extensions/filters/http/fault/v3';
import * as listenerProxyProtocol from '@lateen/protocol/envoy/extensions/filters/listener/proxy_protocol/v3';
import * as networkHttpConnectionManager from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import * as networkRedisProxy from '@lateen/protocol/envoy/extensions/filters/network/redis_proxy/v3';
import * as networkTcpProxy from '@lateen/protocol/envoy/extensions/filters/network/tcp_proxy/v3';
import * as loadBalancingPoliciesCommon from '@lateen/protocol/envoy/extensions/load_balancing_policies/common/v3';
import * as transportSocketsTls from '@lateen/protocol/envoy/extensions/transport_sockets/tls/v3';
import * as upstreamsHttp from '@lateen/protocol/envoy/extensions/upstreams/http/v3';
import * as typeMatcher from '@lateen/protocol/envoy/type/matcher/v3';
import * as typeMetadata from '@lateen/protocol/envoy/type/metadata/v3';
import * as typeTracing from '@lateen/protocol/envoy/type/tracing/v3';
import * as type from '@lateen/protocol/envoy/type/v3';
import * as rateLimit from '@lateen/protocol/envoy/extensions/common/ratelimit/v3';
import * as jwt from '@lateen/protocol/envoy/extensions/filters/http/jwt_authn/v3';
import * as streamLog from '@lateen/protocol/envoy/extensions/access_loggers/stream/v3';
import * as headerMutation from '@lateen/protocol/envoy/extensions/filters/http/header_mutation/v3';
import * as httpRbac from '@lateen/protocol/envoy/extensions/filters/http/rbac/v3';
import * as directResponse from '@lateen/protocol/envoy/extensions/filters/network/direct_response/v3';
import * as uriMatch from '@lateen/protocol/envoy/extensions/path/match/uri_template/v3';
import * as uriRewrite from '@lateen/protocol/envoy/extensions/path/rewrite/uri_template/v3';
import { fieldPolicy, type AnyFieldPolicy } from './field-policy.ts';

/** Messages within others that are read where their parents are. */
export const nestedPolicies: readonly AnyFieldPolicy[] = [
  fieldPolicy(listener.Listener_ConnectionBalanceConfig, ['exactBalance']),
  fieldPolicy(listener.Listener_ConnectionBalanceConfig_ExactBalance, []),
  fieldPolicy(core.BackoffStrategy, ['baseInterval', 'maxInterval']),
  fieldPolicy(jwt.JwtCacheConfig, ['jwtCacheSize']),
  fieldPolicy(jwt.JwtClaimToHeader, ['headerName', 'claimName']),
  fieldPolicy(jwt.JwtHeader, ['name', 'valuePrefix']),
  fieldPolicy(jwt.JwtProvider_NormalizePayload, ['spaceDelimitedClaims']),
  fieldPolicy(jwt.JwtRequirementAndList, ['requirements']),
  fieldPolicy(jwt.JwtRequirementOrList, ['requirements']),
  fieldPolicy(jwt.ProviderWithAudiences, ['providerName', 'audiences']),
  fieldPolicy(rateLimit.RateLimitDescriptor_Entry, ['key', 'value']),
  fieldPolicy(route.RateLimit_Override, ['dynamicMetadata']),
  fieldPolicy(route.RateLimit_Override_DynamicMetadata, ['metadataKey']),
  fieldPolicy(typeMatcher.ListStringMatcher, ['patterns']),
  fieldPolicy(route.Vhds, ['configSource']),
  fieldPolicy(typeMatcher.DoubleMatcher, ['range', 'exact']),
  fieldPolicy(typeMatcher.ListMatcher, ['oneOf']),
  fieldPolicy(typeMatcher.MetadataMatcher_PathSegment, ['key']),
  fieldPolicy(typeMatcher.OrMatcher, ['valueMatchers']),
  fieldPolicy(typeMatcher.ValueMatcher_NullMatch, []),
  fieldPolicy(type.DoubleRange, ['start', 'end']),
  fieldPolicy(directResponse.Config, ['response']),
  fieldPolicy(headerMutation.HeaderMutationPerRoute, ['mutations']),
  fieldPolicy(httpRbac.RBACPerRoute, ['rbac']),
  fieldPolicy(route.FilterConfig, ['config', 'disabled', 'isOptional']),
  fieldPolicy(streamLog.StderrAccessLog, ['logFormat']),
  fieldPolicy(streamLog.StdoutAccessLog, ['logFormat']),
  fieldPolicy(uriMatch.UriTemplateMatchConfig, ['pathTemplate']),
  fieldPolicy(uriRewrite.UriTemplateRewriteConfig, ['pathTemplateRewrite']),
  fieldPolicy(accesslog.AndFilter, ['filters']),
  fieldPolicy(accesslog.ComparisonFilter, ['op', 'value']),
  fieldPolicy(accesslog.DurationFilter, ['comparison']),
  fieldPolicy(accesslog.GrpcStatusFilter, ['statuses', 'exclude']),
  fieldPolicy(accesslog.HeaderFilter, ['header']),
  fieldPolicy(accesslog.LogTypeFilter, ['types', 'exclude']),
  fieldPolicy(accesslog.NotHealthCheckFilter, []),
  fieldPolicy(accesslog.OrFilter, ['filters']),
  fieldPolicy(accesslog.ResponseFlagFilter, ['flags']),
  fieldPolicy(accesslog.RuntimeFilter, ['runtimeKey', 'percentSampled'], {
    useIndependentRandomness: 'each request draws a number of its own',
  }),
  fieldPolicy(accesslog.StatusCodeFilter, ['comparison']),
  fieldPolicy(accesslog.TraceableFilter, []),
  fieldPolicy(cluster.CircuitBreakers_Thresholds_RetryBudget, ['budgetPercent', 'minRetryConcurrency']),
  fieldPolicy(cluster.Cluster_CommonLbConfig_LocalityWeightedLbConfig, []),
  fieldPolicy(cluster.Cluster_CommonLbConfig_ZoneAwareLbConfig, [
    'routingEnabled',
    'minClusterSize',
    'failTrafficOnPanic',
  ]),
  fieldPolicy(cluster.Cluster_CustomClusterType, ['name', 'typedConfig']),
  fieldPolicy(cluster.Cluster_LeastRequestLbConfig, ['choiceCount', 'activeRequestBias', 'slowStartConfig']),
  fieldPolicy(cluster.Cluster_MaglevLbConfig, ['tableSize']),
  fieldPolicy(cluster.Cluster_RefreshRate, ['baseInterval', 'maxInterval']),
  fieldPolicy(cluster.Cluster_RingHashLbConfig, ['minimumRingSize', 'hashFunction', 'maximumRingSize']),
  fieldPolicy(cluster.Cluster_RoundRobinLbConfig, ['slowStartConfig']),
  fieldPolicy(cluster.Cluster_SlowStartConfig, ['slowStartWindow', 'aggression', 'minWeightPercent']),
  fieldPolicy(cluster.Cluster_TransportSocketMatch, ['name', 'match', 'transportSocket']),
  fieldPolicy(cluster.Filter, ['name'], {
    typedConfig: 'filters of connections to endpoints have nothing to do here',
  }),
  fieldPolicy(cluster.LoadBalancingPolicy, ['policies']),
  fieldPolicy(cluster.LoadBalancingPolicy_Policy, ['typedExtensionConfig']),
  fieldPolicy(core.Address, ['socketAddress', 'pipe']),
  fieldPolicy(core.AggregatedConfigSource, []),
  fieldPolicy(core.CidrRange, ['addressPrefix', 'prefixLen']),
  fieldPolicy(core.HeaderValue, ['key', 'value', 'rawValue']),
  fieldPolicy(core.HealthStatusSet, ['statuses']),
  fieldPolicy(core.HealthCheck_Payload, ['text', 'binary']),
  fieldPolicy(core.Http1ProtocolOptions_HeaderKeyFormat, ['properCaseWords', 'statefulFormatter']),
  fieldPolicy(core.Http1ProtocolOptions_HeaderKeyFormat_ProperCaseWords, []),
  fieldPolicy(core.Http2ProtocolOptions_SettingsParameter, ['identifier', 'value']),
  fieldPolicy(core.Http3ProtocolOptions, []),
  fieldPolicy(core.Locality, ['region', 'zone', 'subZone']),
  fieldPolicy(core.Pipe, ['path', 'mode']),
  fieldPolicy(core.RuntimeDouble, ['defaultValue'], { runtimeKey: 'the default value is used' }),
  fieldPolicy(core.RuntimeFeatureFlag, ['defaultValue', 'runtimeKey']),
  fieldPolicy(core.RuntimeFractionalPercent, ['defaultValue', 'runtimeKey']),
  fieldPolicy(core.RuntimeUInt32, ['defaultValue'], { runtimeKey: 'the default value is used' }),
  fieldPolicy(core.SelfConfigSource, [], { transportApiVersion: 'v3 is the only one' }),
  fieldPolicy(core.TransportSocket, ['name', 'typedConfig']),
  fieldPolicy(core.WatchedDirectory, ['path']),
  fieldPolicy(endpoint.ClusterLoadAssignment_Policy_DropOverload, ['dropPercentage'], {
    category: 'requests of all categories are counted together',
  }),
  fieldPolicy(endpoint.Endpoint_AdditionalAddress, ['address']),
  fieldPolicy(cluster.UpstreamConnectionOptions_HappyEyeballsConfig, [
    'firstAddressFamilyVersion',
    'firstAddressFamilyCount',
  ]),
  fieldPolicy(endpoint.Endpoint_HealthCheckConfig, ['portValue', 'hostname']),
  fieldPolicy(listener.AdditionalAddress, ['address']),
  fieldPolicy(listener.Listener_DeprecatedV1, ['bindToPort']),
  fieldPolicy(listener.ListenerFilterChainMatchPredicate, ['orMatch', 'anyMatch', 'destinationPortRange']),
  fieldPolicy(listener.ListenerFilterChainMatchPredicate_MatchSet, ['rules']),
  fieldPolicy(rbac.Permission_Set, ['rules']),
  fieldPolicy(rbac.Principal_Authenticated, ['principalName']),
  fieldPolicy(rbac.Principal_Set, ['ids']),
  fieldPolicy(route.Decorator, ['operation', 'propagate']),
  fieldPolicy(route.DirectResponseAction, ['status', 'body']),
  fieldPolicy(route.RateLimit_Action_DestinationCluster, []),
  fieldPolicy(route.RateLimit_Action_DynamicMetaData, ['descriptorKey', 'metadataKey', 'defaultValue']),
  fieldPolicy(route.RateLimit_Action_GenericKey, ['descriptorValue', 'descriptorKey']),
  fieldPolicy(route.RateLimit_Action_HeaderValueMatch, [
    'descriptorValue',
    'expectMatch',
    'headers',
    'descriptorKey',
  ]),
  fieldPolicy(route.RateLimit_Action_MaskedRemoteAddress, ['v4PrefixMaskLen', 'v6PrefixMaskLen']),
  fieldPolicy(route.RateLimit_Action_MetaData, [
    'descriptorKey',
    'metadataKey',
    'defaultValue',
    'source',
    'skipIfAbsent',
  ]),
  fieldPolicy(route.RateLimit_Action_QueryParameterValueMatch, [
    'descriptorValue',
    'expectMatch',
    'queryParameters',
    'descriptorKey',
  ]),
  fieldPolicy(route.RateLimit_Action_RemoteAddress, []),
  fieldPolicy(route.RateLimit_Action_RequestHeaders, ['headerName', 'descriptorKey', 'skipIfAbsent']),
  fieldPolicy(route.RateLimit_Action_SourceCluster, []),
  fieldPolicy(route.RetryPolicy_RateLimitedRetryBackOff, ['resetHeaders', 'maxInterval']),
  fieldPolicy(route.RetryPolicy_ResetHeader, ['name', 'format']),
  fieldPolicy(route.RetryPolicy_RetryBackOff, ['baseInterval', 'maxInterval']),
  fieldPolicy(route.RetryPolicy_RetryHostPredicate, ['name', 'typedConfig']),
  fieldPolicy(route.RetryPolicy_RetryPriority, ['name', 'typedConfig']),
  fieldPolicy(route.RouteAction_HashPolicy_ConnectionProperties, ['sourceIp']),
  fieldPolicy(route.RouteAction_HashPolicy_Cookie, ['name', 'ttl', 'path', 'attributes']),
  fieldPolicy(route.RouteAction_HashPolicy_CookieAttribute, ['name', 'value']),
  fieldPolicy(route.RouteAction_HashPolicy_FilterState, ['key']),
  fieldPolicy(route.RouteAction_HashPolicy_Header, ['headerName', 'regexRewrite']),
  fieldPolicy(route.RouteAction_HashPolicy_QueryParameter, ['name']),
  fieldPolicy(route.RouteAction_MaxStreamDuration, [
    'maxStreamDuration',
    'grpcTimeoutHeaderMax',
    'grpcTimeoutHeaderOffset',
  ]),
  fieldPolicy(route.RouteMatch_ConnectMatcher, []),
  fieldPolicy(route.RouteMatch_GrpcRouteMatchOptions, []),
  fieldPolicy(route.ScopedRouteConfiguration_Key, ['fragments']),
  fieldPolicy(route.ScopedRouteConfiguration_Key_Fragment, ['stringKey']),
  fieldPolicy(trace.Tracing_Http, ['name', 'typedConfig']),
  fieldPolicy(commonFault.FaultDelay_HeaderDelay, []),
  fieldPolicy(commonFault.FaultRateLimit_FixedLimit, ['limitKbps']),
  fieldPolicy(commonFault.FaultRateLimit_HeaderLimit, []),
  fieldPolicy(httpFault.FaultAbort_HeaderAbort, []),
  fieldPolicy(listenerProxyProtocol.ProxyProtocol_KeyValuePair, ['metadataNamespace', 'key']),
  fieldPolicy(networkHttpConnectionManager.RequestIDExtension, ['typedConfig']),
  fieldPolicy(networkHttpConnectionManager.ScopedRouteConfigurationsList, ['scopedRouteConfigurations']),
  fieldPolicy(networkHttpConnectionManager.ScopedRoutes_ScopeKeyBuilder, ['fragments']),
  fieldPolicy(networkHttpConnectionManager.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder, [
    'headerValueExtractor',
  ]),
  fieldPolicy(
    networkHttpConnectionManager.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor_KvElement,
    ['separator', 'key'],
  ),
  fieldPolicy(networkRedisProxy.RedisProxy_PrefixRoutes_Route_ReadCommandPolicy, ['cluster']),
  fieldPolicy(networkTcpProxy.TcpProxy_WeightedCluster, ['clusters']),
  fieldPolicy(networkTcpProxy.TcpProxy_WeightedCluster_ClusterWeight, ['name', 'weight', 'metadataMatch']),
  fieldPolicy(loadBalancingPoliciesCommon.LocalityLbConfig_LocalityWeightedLbConfig, []),
  fieldPolicy(loadBalancingPoliciesCommon.LocalityLbConfig_ZoneAwareLbConfig, [
    'routingEnabled',
    'minClusterSize',
    'failTrafficOnPanic',
  ]),
  fieldPolicy(loadBalancingPoliciesCommon.SlowStartConfig, [
    'slowStartWindow',
    'aggression',
    'minWeightPercent',
  ]),
  fieldPolicy(transportSocketsTls.CertificateValidationContext_SystemRootCerts, []),
  fieldPolicy(transportSocketsTls.GenericSecret, ['secret']),
  fieldPolicy(
    upstreamsHttp.HttpProtocolOptions_AutoHttpConfig,
    ['httpProtocolOptions', 'http2ProtocolOptions', 'http3ProtocolOptions'],
    { alternateProtocolsCacheOptions: 'there is no HTTP/3 to change to' },
  ),
  fieldPolicy(upstreamsHttp.HttpProtocolOptions_ExplicitHttpConfig, [
    'httpProtocolOptions',
    'http2ProtocolOptions',
    'http3ProtocolOptions',
  ]),
  fieldPolicy(upstreamsHttp.HttpProtocolOptions_UseDownstreamHttpConfig, [
    'httpProtocolOptions',
    'http2ProtocolOptions',
    'http3ProtocolOptions',
  ]),
  fieldPolicy(typeMatcher.FilterStateMatcher, ['key', 'stringMatch']),
  fieldPolicy(typeMatcher.PathMatcher, ['path']),
  fieldPolicy(typeMatcher.RegexMatchAndSubstitute, ['pattern', 'substitution']),
  fieldPolicy(typeMetadata.MetadataKey_PathSegment, ['key']),
  fieldPolicy(typeMetadata.MetadataKind, ['request', 'route', 'cluster', 'host']),
  fieldPolicy(typeMetadata.MetadataKind_Cluster, []),
  fieldPolicy(typeMetadata.MetadataKind_Host, []),
  fieldPolicy(typeMetadata.MetadataKind_Request, []),
  fieldPolicy(typeMetadata.MetadataKind_Route, []),
  fieldPolicy(typeTracing.CustomTag_Environment, ['name', 'defaultValue']),
  fieldPolicy(typeTracing.CustomTag_Header, ['name', 'defaultValue']),
  fieldPolicy(typeTracing.CustomTag_Literal, ['value']),
  fieldPolicy(typeTracing.CustomTag_Metadata, ['kind', 'metadataKey', 'defaultValue']),
  fieldPolicy(type.FractionalPercent, ['numerator', 'denominator']),
  fieldPolicy(type.HashPolicy, ['sourceIp', 'filterState']),
  fieldPolicy(type.HashPolicy_FilterState, ['key']),
  fieldPolicy(type.HashPolicy_SourceIp, []),
  fieldPolicy(type.HttpStatus, ['code']),
  fieldPolicy(type.Int32Range, ['start', 'end']),
  fieldPolicy(type.Int64Range, ['start', 'end']),
  fieldPolicy(type.Percent, ['value']),
  fieldPolicy(type.TokenBucket, ['maxTokens', 'tokensPerFill', 'fillInterval']),
];

const byName: ReadonlyMap<string, AnyFieldPolicy> = new Map(
  nestedPolicies.map((policy) => [policy.type.typeName, policy]),
);

/** The policy of a message that has no decoder of its own; undefined for every other one. */
export function nestedPolicyOf(typeName: string): AnyFieldPolicy | undefined {
  return byName.get(typeName);
}
