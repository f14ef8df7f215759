import { dnsResolverPolicies } from './dns-resolver.ts';
import { runtimeLayerPolicies } from './runtime-layers.ts';
import { accessLogPolicies } from './access-log.ts';
import { basicPolicies } from './basics.ts';
import { bootstrapPolicies } from './bootstrap-policies.ts';
import { clientAddressPolicies } from './client-address.ts';
import { connectionRoutePolicies } from './connection-routes.ts';
import { headerMutationPolicies } from './header-mutation.ts';
import { localReplyPolicies } from './local-reply.ts';
import { clusterLimitPolicies } from './cluster-limits.ts';
import { clusterPolicies } from './cluster.ts';
import { configSourcePolicies } from './config-source.ts';
import { compressorPolicies } from './compressor.ts';
import { corsPolicies } from './cors.ts';
import { csrfPolicies } from './csrf.ts';
import { decompressorPolicies } from './decompressor.ts';
import { admissionControlPolicies } from './admission-control.ts';
import { bandwidthLimitPolicies } from './bandwidth-limit.ts';
import { adaptiveConcurrencyPolicies } from './adaptive-concurrency.ts';
import { istioAuthnPolicies } from './istio-authn.ts';
import { cdnLoopPolicies } from './cdn-loop.ts';
import { networkExtAuthzPolicies } from './network-ext-authz.ts';
import { setMetadataPolicies } from './set-metadata.ts';
import { statefulSessionPolicies } from './stateful-session.ts';
import { jwtAuthnPolicies } from './jwt-authn.ts';
import { extAuthzPolicies } from './ext-authz.ts';
import { metadataMatchPolicies } from './metadata-match.ts';
import { faultPolicies } from './fault.ts';
import { smallFilterPolicies } from './small-filters.ts';
import { endpointPolicies } from './endpoint.ts';
import type { AnyFieldPolicy } from './field-policy.ts';
import { consistentHashingPolicies } from './consistent-hashing.ts';
import { coreRetryPolicies } from './core-retry-policy.ts';
import { grpcServicePolicies } from './grpc-service.ts';
import { headerPolicies } from './headers.ts';
import { healthCheckFilterPolicies } from './health-check-filter.ts';
import { healthCheckPolicies } from './health-check.ts';
import { connectionManagerPolicies } from './http-connection-manager.ts';
import { httpFilterPolicies } from './http-filter.ts';
import { overloadPolicies } from './overload.ts';
import { istioAlpnPolicies } from './istio-alpn.ts';
import { istioStatsPolicies } from './istio-stats.ts';
import { internalRedirectPolicies } from './internal-redirect.ts';
import { listenerPolicies } from './listener.ts';
import { loadBalancingPolicyPolicies } from './load-balancing-policy.ts';
import { loadBalancingPolicies } from './load-balancing.ts';
import { mongoPolicies } from './mongo-proxy.ts';
import { nestedPolicies } from './nested-policies.ts';
import { networkFilterPolicies } from './network-filter.ts';
import { proxyProtocolPolicies } from './proxy-protocol.ts';
import { onDemandPolicies } from './on-demand.ts';
import { rateLimitPolicies } from './rate-limits.ts';
import { rateLimitRulePolicies } from './rate-limit-rules.ts';
import { discoveredPolicies } from './discovered.ts';
import { extensionPolicies } from './extension.ts';
import { rbacPolicies } from './rbac.ts';
import { redisPolicies } from './redis-proxy.ts';
import { remoteLogPolicies } from './remote-log.ts';
import { retryPolicies } from './retry-policy.ts';
import { routeActionPolicies } from './route-action.ts';
import { routeMatchPolicies } from './route-match.ts';
import { routePolicies } from './route.ts';
import { statsConfigPolicies } from './stats-config.ts';
import { statsSinkPolicies } from './stats-sinks.ts';
import { spiffePolicies } from './spiffe.ts';
import { tlsPolicies } from './tls.ts';
import { tracingPolicies } from './tracing.ts';
import { upstreamHttpPolicies } from './upstream-http.ts';
import { valueMatchPolicies } from './value-match.ts';

/** What is done with every field of the messages that the proxy decodes: the source of its documentation. */
export const fieldPolicies: readonly AnyFieldPolicy[] = [
  ...accessLogPolicies,
  ...basicPolicies,
  ...bootstrapPolicies,
  ...clientAddressPolicies,
  ...connectionRoutePolicies,
  ...headerMutationPolicies,
  ...localReplyPolicies,
  ...clusterLimitPolicies,
  ...clusterPolicies,
  ...configSourcePolicies,
  ...connectionManagerPolicies,
  ...consistentHashingPolicies,
  ...compressorPolicies,
  ...corsPolicies,
  ...setMetadataPolicies,
  ...csrfPolicies,
  ...decompressorPolicies,
  ...admissionControlPolicies,
  ...cdnLoopPolicies,
  ...istioAuthnPolicies,
  ...adaptiveConcurrencyPolicies,
  ...bandwidthLimitPolicies,
  ...networkExtAuthzPolicies,
  ...statefulSessionPolicies,
  ...extAuthzPolicies,
  ...jwtAuthnPolicies,
  ...metadataMatchPolicies,
  ...faultPolicies,
  ...smallFilterPolicies,
  ...endpointPolicies,
  ...grpcServicePolicies,
  ...coreRetryPolicies,
  ...headerPolicies,
  ...healthCheckFilterPolicies,
  ...healthCheckPolicies,
  ...dnsResolverPolicies,
  ...httpFilterPolicies,
  ...internalRedirectPolicies,
  ...istioAlpnPolicies,
  ...overloadPolicies,
  ...istioStatsPolicies,
  ...listenerPolicies,
  ...loadBalancingPolicies,
  ...loadBalancingPolicyPolicies,
  ...mongoPolicies,
  ...nestedPolicies,
  ...networkFilterPolicies,
  ...proxyProtocolPolicies,
  ...onDemandPolicies,
  ...rateLimitPolicies,
  ...rateLimitRulePolicies,
  ...discoveredPolicies,
  ...extensionPolicies,
  ...rbacPolicies,
  ...redisPolicies,
  ...remoteLogPolicies,
  ...retryPolicies,
  ...routeActionPolicies,
  ...routeMatchPolicies,
  ...routePolicies,
  ...runtimeLayerPolicies,
  ...statsConfigPolicies,
  ...statsSinkPolicies,
  ...spiffePolicies,
  ...tlsPolicies,
  ...tracingPolicies,
  ...upstreamHttpPolicies,
  ...valueMatchPolicies,
];

/** The documentation of every field, in Markdown. */
export function describeFields(): string {
  const sections = [...fieldPolicies]
    .sort((a, b) => a.type.typeName.localeCompare(b.type.typeName))
    .map((policy) => {
      const names = policy.type.table.fields;
      const of = (wanted: (name: string) => boolean): string =>
        names
          .filter((field) => wanted(field.name))
          .map((field) => `\`${field.protoName}\``)
          .join(', ');
      const refused = of((name) => !policy.honoured.has(name) && !policy.ignored.has(name));
      const ignored = names.flatMap((field) => {
        const reason = policy.ignored.get(field.name);
        return reason === undefined ? [] : [`- \`${field.protoName}\`: ${reason}`];
      });
      return [
        `## ${policy.type.typeName}`,
        '',
        `Honoured: ${of((name) => policy.honoured.has(name))}`,
        ...(ignored.length === 0 ? [] : ['', 'Ignored:', '', ...ignored]),
        ...(refused === '' ? [] : ['', `Refused: ${refused}`]),
        '',
      ].join('\n');
    });
  return `${introduction}\n${sections.join('\n')}`;
}

const introduction = `# What the proxy does with each field of Envoy's messages

A field that is set is honoured, or ignored for the reason given, or the resource that sets it is refused
with the field's path. Messages that are not listed are refused where they are used.

Written by \`node packages/proxy/src/decode/print-field-document.ts > docs/proxy-fields.md\`.
`;
