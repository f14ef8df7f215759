import * as core from '@lateen/protocol/envoy/config/core/v3';
import * as authz from '@lateen/protocol/envoy/extensions/filters/http/ext_authz/v3';
import type { AuthorizedBody, ExtAuthz, HttpAuthorizer, HttpFilterConfig } from '../model/index.ts';
import { decodeRuntimeFraction } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeGrpcService } from './grpc-service.ts';
import { errorStatus } from './rate-limits.ts';
import type { Scope } from './scope.ts';
import { decodeMetadataMatch, decodeStringList } from './metadata-match.ts';

const noTyped = 'filters of this proxy have no typed metadata';

const filterPolicy = fieldPolicy(
  authz.ExtAuthz,
  [
    'grpcService',
    'httpService',
    'failureModeAllow',
    'failureModeAllowHeaderAdd',
    'withRequestBody',
    'clearRouteCache',
    'statusOnError',
    'metadataContextNamespaces',
    'routeMetadataContextNamespaces',
    'filterEnabled',
    'filterEnabledMetadata',
    'denyAtDisable',
    'includePeerCertificate',
    'statPrefix',
    'bootstrapMetadataLabelsKey',
    'allowedHeaders',
    'disallowedHeaders',
    'includeTlsSession',
    'chargeClusterResponseStats',
    'encodeRawHeaders',
    'enableDynamicMetadataIngestion',
  ],
  {
    transportApiVersion: 'v3 is the only one',
    typedMetadataContextNamespaces: noTyped,
    routeTypedMetadataContextNamespaces: noTyped,
  },
);
const httpPolicy = fieldPolicy(authz.HttpService, [
  'serverUri',
  'pathPrefix',
  'authorizationRequest',
  'authorizationResponse',
]);
const requestPolicy = fieldPolicy(authz.AuthorizationRequest, ['allowedHeaders', 'headersToAdd']);
const responsePolicy = fieldPolicy(authz.AuthorizationResponse, [
  'allowedUpstreamHeaders',
  'allowedUpstreamHeadersToAppend',
  'allowedClientHeaders',
  'allowedClientHeadersOnSuccess',
  'dynamicMetadataFromHeaders',
]);
const bodyPolicy = fieldPolicy(authz.BufferSettings, [
  'maxRequestBytes',
  'allowPartialMessage',
  'packAsBytes',
]);
const uriPolicy = fieldPolicy(core.HttpUri, ['uri', 'cluster', 'timeout']);
const routePolicy = fieldPolicy(authz.ExtAuthzPerRoute, ['disabled', 'checkSettings']);
const settingsPolicy = fieldPolicy(authz.CheckSettings, [
  'contextExtensions',
  'disableRequestBodyBuffering',
  'withRequestBody',
]);

export const extAuthzPolicies = [
  filterPolicy,
  httpPolicy,
  requestPolicy,
  responsePolicy,
  bodyPolicy,
  uriPolicy,
  routePolicy,
  settingsPolicy,
];

/** A place that is asked by HTTP through a cluster. */
export function decodeHttpUri(
  scope: Scope,
  message: core.HttpUri | undefined,
): { readonly uri: string; readonly cluster: string; readonly timeoutMs: number } {
  const uri = message ?? {};
  scope.check(uriPolicy, uri);
  if (uri.cluster === undefined) scope.at('cluster').fail('must be set');
  return { uri: uri.uri ?? '', cluster: uri.cluster ?? '', timeoutMs: uri.timeout ?? 0 };
}

function decodeBody(scope: Scope, message: authz.BufferSettings): AuthorizedBody {
  scope.check(bodyPolicy, message);
  const maxBytes = message.maxRequestBytes ?? 0;
  if (maxBytes < 1) scope.at('maxRequestBytes').fail('must be at least 1');
  return {
    maxBytes,
    allowPartial: message.allowPartialMessage ?? false,
    packAsBytes: message.packAsBytes ?? false,
  };
}

function decodeHttp(scope: Scope, message: authz.HttpService): HttpAuthorizer {
  scope.check(httpPolicy, message);
  const { authorizationRequest: request = {}, authorizationResponse: response = {} } = message;
  scope.at('authorizationRequest').check(requestPolicy, request);
  const at = scope.at('authorizationResponse');
  at.check(responsePolicy, response);
  const { cluster, timeoutMs } = decodeHttpUri(scope.at('serverUri'), message.serverUri);
  const list = (field: keyof authz.AuthorizationResponse) => decodeStringList(at.at(field), response[field]);
  const clientHeaders = list('allowedClientHeaders');
  return {
    kind: 'http',
    cluster,
    timeoutMs,
    pathPrefix: message.pathPrefix ?? '',
    headersToAdd: (request.headersToAdd ?? []).map(({ key = '', value = '' }) => [key.toLowerCase(), value]),
    upstreamHeaders: list('allowedUpstreamHeaders') ?? [],
    upstreamHeadersToAppend: list('allowedUpstreamHeadersToAppend') ?? [],
    metadataHeaders: list('dynamicMetadataFromHeaders') ?? [],
    ...(clientHeaders === undefined ? {} : { clientHeaders }),
    clientHeadersOnSuccess: list('allowedClientHeadersOnSuccess') ?? [],
  };
}

/** Who is asked, and what his answers change. */
export function decodeExtAuthz(scope: Scope, message: authz.ExtAuthz): ExtAuthz {
  scope.check(filterPolicy, message);
  const { httpService } = message;
  const allowedHeaders =
    decodeStringList(scope.at('allowedHeaders'), message.allowedHeaders) ??
    decodeStringList(
      scope.at('httpService').at('authorizationRequest').at('allowedHeaders'),
      httpService?.authorizationRequest?.allowedHeaders,
    );
  return {
    authorizer:
      httpService === undefined
        ? { kind: 'grpc', service: decodeGrpcService(scope.at('grpcService'), message.grpcService) }
        : decodeHttp(scope.at('httpService'), httpService),
    failureModeAllow: message.failureModeAllow ?? false,
    failureModeAllowHeader: message.failureModeAllowHeaderAdd ?? false,
    ...(message.withRequestBody === undefined
      ? {}
      : { body: decodeBody(scope.at('withRequestBody'), message.withRequestBody) }),
    clearRouteCache: message.clearRouteCache ?? false,
    statusOnError: errorStatus(message.statusOnError, 403),
    metadataNamespaces: message.metadataContextNamespaces ?? [],
    routeMetadataNamespaces: message.routeMetadataContextNamespaces ?? [],
    ...(message.filterEnabled === undefined
      ? {}
      : { enabled: decodeRuntimeFraction(scope.at('filterEnabled'), message.filterEnabled) }),
    ...(message.filterEnabledMetadata === undefined
      ? {}
      : {
          enabledMetadata: decodeMetadataMatch(
            scope.at('filterEnabledMetadata'),
            message.filterEnabledMetadata,
          ),
        }),
    ...(message.denyAtDisable === undefined ? {} : { deniesDisabled: scope.flag(message.denyAtDisable) }),
    includePeerCertificate: message.includePeerCertificate ?? false,
    includeTlsSession: message.includeTlsSession ?? false,
    statPrefix: message.statPrefix ?? '',
    labelsKey: message.bootstrapMetadataLabelsKey ?? '',
    takesMetadata: message.enableDynamicMetadataIngestion ?? true,
    ...(allowedHeaders === undefined ? {} : { allowedHeaders }),
    disallowedHeaders: decodeStringList(scope.at('disallowedHeaders'), message.disallowedHeaders) ?? [],
    chargeCluster: message.chargeClusterResponseStats ?? true,
    rawHeaders: message.encodeRawHeaders ?? false,
  };
}

/** What a route, virtual host or table changes. */
export function decodeExtAuthzRoute(scope: Scope, message: authz.ExtAuthzPerRoute): HttpFilterConfig {
  scope.check(routePolicy, message);
  if (message.disabled === true) return { kind: 'disabled' };
  const settings = message.checkSettings ?? {};
  const at = scope.at('checkSettings');
  at.check(settingsPolicy, settings);
  return {
    kind: 'ext_authz_route',
    settings: {
      contextExtensions: settings.contextExtensions ?? {},
      disableBody: settings.disableRequestBodyBuffering ?? false,
      ...(settings.withRequestBody === undefined
        ? {}
        : { body: decodeBody(at.at('withRequestBody'), settings.withRequestBody) }),
    },
  };
}
