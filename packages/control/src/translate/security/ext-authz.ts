import { packAny } from '@lateen/protocol';
import type { GrpcService } from '@lateen/protocol/envoy/config/core/v3';
import type { Filter } from '@lateen/protocol/envoy/config/listener/v3';
import { ExtAuthz, type HttpService } from '@lateen/protocol/envoy/extensions/filters/http/ext_authz/v3';
import { ExtAuthz as NetworkExtAuthz } from '@lateen/protocol/envoy/extensions/filters/network/ext_authz/v3';
import type { HttpFilter } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import type { ListStringMatcher, MetadataMatcher } from '@lateen/protocol/envoy/type/matcher/v3';
import type { AuthorizationProvider } from '../../model/authorization-provider.ts';
import { outboundClusterName } from '../cluster-name.ts';
import { textMatch } from './text-match.ts';

/** Begins the names of rules whose matches somebody is asked about. */
export const askedPrefix = 'istio-ext-authz';
/** Begins the names under which the rules' verdict is told to the filter that asks. */
export const askedStatPrefix = 'istio_ext_authz_';

/** The time that a service may take where its provider says nothing; its DestinationRule may say less. */
const placeholderTimeoutMs = 600_000;

function headers(names: readonly string[]): ListStringMatcher | undefined {
  if (names.length === 0) return undefined;
  return { patterns: names.map((name) => ({ ...textMatch(name), ignoreCase: true })) };
}

/** The entries that are there. */
function present<T extends object>(fields: { readonly [K in keyof T]: T[K] | undefined }): Partial<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Partial<T>;
}

function httpService(provider: AuthorizationProvider, hostname: string, cluster: string): HttpService {
  const toAdd = Object.entries(provider.includeAdditionalHeadersInCheck).sort(([a], [b]) => (a < b ? -1 : 1));
  const request = present<NonNullable<HttpService['authorizationRequest']>>({
    allowedHeaders: headers(provider.includeRequestHeadersInCheck),
    headersToAdd: toAdd.length === 0 ? undefined : toAdd.map(([key, value]) => ({ key, value })),
  });
  const response = present<NonNullable<HttpService['authorizationResponse']>>({
    allowedUpstreamHeaders: headers(provider.headersToUpstreamOnAllow),
    allowedClientHeaders: headers(provider.headersToDownstreamOnDeny),
    allowedClientHeadersOnSuccess: headers(provider.headersToDownstreamOnAllow),
  });
  return {
    serverUri: {
      uri: `http://${hostname}`,
      cluster,
      timeout: provider.timeoutMs ?? placeholderTimeoutMs,
    },
    ...(provider.pathPrefix === '' ? {} : { pathPrefix: provider.pathPrefix }),
    ...(Object.keys(request).length === 0 ? {} : { authorizationRequest: request }),
    ...(Object.keys(response).length === 0 ? {} : { authorizationResponse: response }),
  };
}

function grpcService(provider: AuthorizationProvider, cluster: string): GrpcService {
  return {
    // `|` may not stand in an authority.
    envoyGrpc: { clusterName: cluster, authority: cluster.replaceAll('|', '_.') },
    timeout: provider.timeoutMs ?? placeholderTimeoutMs,
  };
}

/** Takes what the rules of this filter, which stands before, have marked. */
function marked(filter: string): MetadataMatcher {
  return {
    filter,
    path: [{ key: `${askedStatPrefix}shadow_effective_policy_id` }],
    value: { stringMatch: { prefix: askedPrefix } },
  };
}

/** The filter that asks a provider, one for gRPC, about the connections that the rules before it have marked. */
export function connectionAskingFilter(provider: AuthorizationProvider, hostname: string): Filter {
  const config: NetworkExtAuthz = {
    statPrefix: 'tcp.',
    grpcService: grpcService(provider, outboundClusterName(hostname, provider.port)),
    transportApiVersion: 'V3',
    ...(provider.failOpen ? { failureModeAllow: true } : {}),
    filterEnabledMetadata: marked('envoy.filters.network.rbac'),
  };
  return { name: 'envoy.filters.network.ext_authz', typedConfig: packAny(NetworkExtAuthz, config) };
}

/** The filter that asks a provider about the requests that the rules before it have marked. */
export function askingFilter(provider: AuthorizationProvider, hostname: string): HttpFilter {
  const cluster = outboundClusterName(hostname, provider.port);
  const body = provider.body;
  const config: ExtAuthz = {
    ...(provider.protocol === 'http'
      ? { httpService: httpService(provider, hostname, cluster) }
      : { grpcService: grpcService(provider, cluster) }),
    transportApiVersion: 'V3',
    ...(provider.failOpen ? { failureModeAllow: true } : {}),
    ...(provider.clearRouteCache ? { clearRouteCache: true } : {}),
    ...(provider.statusOnError === undefined ? {} : { statusOnError: { code: provider.statusOnError } }),
    ...(body === undefined
      ? {}
      : {
          withRequestBody: {
            maxRequestBytes: body.maxRequestBytes,
            ...(body.allowPartialMessage ? { allowPartialMessage: true } : {}),
            ...(body.packAsBytes ? { packAsBytes: true } : {}),
          },
        }),
    filterEnabledMetadata: marked('envoy.filters.http.rbac'),
  };
  return { name: 'envoy.filters.http.ext_authz', typedConfig: packAny(ExtAuthz, config) };
}
