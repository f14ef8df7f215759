import type { Clock, Logger } from '@lateen/core';
import type { AccessRequest } from '../auth/policy-rules.ts';
import type { RbacAuthorizer } from '../auth/rbac-authorizer.ts';
import { aggregatedDiscovery } from './negotiation.ts';
import type { Discovery } from '../discovery/discovery.ts';
import { emptyOpenApiV2, wantsProtobuf } from '../discovery/open-api-protobuf.ts';
import { openApiInfo, type OpenApi } from '../discovery/open-api.ts';
import { anonymous } from '../auth/authenticate.ts';
import type { TypeRegistry } from '../registry/type-registry.ts';
import { failure, noSuchPath, unauthorized } from '../status.ts';
import { parseApiPath, type ApiPath } from './api-path.ts';
import { jsonResponse, textResponse, type ApiRequest, type ApiResponse } from './api-request.ts';
import type { ResourceHandler } from './resource-handler.ts';

export interface ApiHandlerOptions {
  readonly types: TypeRegistry;
  readonly discovery: Discovery;
  readonly openApi: OpenApi;
  readonly resources: ResourceHandler;
  readonly authorizer: RbacAuthorizer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** `/version`. */
  readonly version: object;
  /** `/.well-known/openid-configuration` and the keys. */
  readonly identity: { configuration(): unknown; keys(): Promise<unknown> };
}

/** Answers a call of a known user: authorizes it and finds who answers. Rejects with a KubeStatusError. */
export class ApiHandler {
  readonly #options: ApiHandlerOptions;

  constructor(options: ApiHandlerOptions) {
    this.#options = options;
  }

  async handle(request: ApiRequest): Promise<ApiResponse> {
    const path = await this.authorized(request);
    switch (path.kind) {
      case 'resource':
        return this.#options.resources.handle(request, path);
      case 'groups':
        return this.#groups(request, path.legacy);
      case 'group':
        return found(this.#options.discovery.group(path.group));
      case 'version':
        return found(this.#options.discovery.resources(path.group, path.version));
      default:
        return this.#other(request);
    }
  }

  /** What the request is about; throws where the user may not do that. */
  async authorized(request: ApiRequest): Promise<ApiPath> {
    const path = parseApiPath(request.path, this.#options.types);
    const { user, method } = request;
    const access = accessOf(request, path);
    const allowed = await this.#options.authorizer.allows(user, access);
    const { logger } = this.#options;
    if (logger.enabled('debug')) {
      logger.debug('audit', { user: user.name, verb: access.verb, path: request.path, method, allowed });
    }
    if (allowed) return path;
    if (user.name === anonymous.name) throw unauthorized();
    throw denied(request, access);
  }

  #groups(request: ApiRequest, legacy: boolean): ApiResponse {
    const { discovery } = this.#options;
    const version = aggregatedDiscovery(request.headers.accept);
    if (version === undefined)
      return jsonResponse(200, legacy ? discovery.legacyVersions() : discovery.groupList());
    const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    const body = JSON.stringify(discovery.aggregated(legacy, version));
    return { kind: 'whole', status: 200, headers: { 'content-type': type, vary: 'Accept' }, body };
  }

  async #other(request: ApiRequest): Promise<ApiResponse> {
    const { openApi, version, identity } = this.#options;
    const path = request.path.length > 1 ? request.path.replace(/\/$/, '') : request.path;
    switch (path) {
      case '/version':
        return jsonResponse(200, version);
      case '/healthz':
      case '/livez':
      case '/readyz':
        return textResponse(200, 'ok');
      case '/':
        return jsonResponse(200, {
          paths: ['/api', '/apis', '/healthz', '/livez', '/openapi/v2', '/openapi/v3', '/readyz', '/version'],
        });
      case '/openapi/v2':
        return wantsProtobuf(request.headers.accept)
          ? openApiV2Protobuf()
          : jsonResponse(200, await openApi.v2());
      case '/openapi/v3':
        return jsonResponse(200, openApi.v3Index());
      case '/.well-known/openid-configuration':
        return jsonResponse(200, identity.configuration());
      case '/openid/v1/jwks':
        return jsonResponse(200, await identity.keys());
      default:
    }
    if (path.startsWith('/openapi/v3/')) return found(await openApi.v3(path.slice('/openapi/v3/'.length)));
    throw noSuchPath();
  }
}

function found(document: unknown): ApiResponse {
  if (document === undefined) throw noSuchPath();
  return jsonResponse(200, document);
}

function openApiV2Protobuf(): ApiResponse {
  const { type, body } = emptyOpenApiV2(openApiInfo);
  return { kind: 'whole', status: 200, headers: { 'content-type': type }, body };
}

const verbs: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

function accessOf(request: ApiRequest, path: ApiPath): AccessRequest {
  const plain = verbs[request.method] ?? request.method.toLowerCase();
  if (path.kind !== 'resource') return { kind: 'path', verb: plain, path: request.path };
  const { served, namespace, name, subresource } = path;
  const watching = request.query.get('watch') === 'true' || request.query.get('watch') === '1';
  let verb = plain;
  if (plain === 'get' && watching) verb = 'watch';
  else if (plain === 'get' && name === '') verb = 'list';
  else if (plain === 'delete' && name === '') verb = 'deletecollection';
  const group = served.version.group;
  // A namespace is in itself, so that whoever may read one may read it.
  const inNamespace = group === '' && served.type.plural === 'namespaces' ? name : namespace;
  return {
    kind: 'resource',
    verb,
    group,
    resource: served.type.plural,
    subresource,
    name,
    namespace: inNamespace,
  };
}

function denied(request: ApiRequest, access: AccessRequest): Error {
  const user = JSON.stringify(request.user.name);
  if (access.kind === 'path') {
    const message = `forbidden: User ${user} cannot ${access.verb} path ${JSON.stringify(access.path)}`;
    return failure(403, 'Forbidden', message, {});
  }
  const { group, resource, subresource, name, namespace, verb } = access;
  const whole = subresource === '' ? resource : `${resource}/${subresource}`;
  const qualified = group === '' ? whole : `${whole}.${group}`;
  const about = name === '' ? qualified : `${qualified} ${JSON.stringify(name)}`;
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const message = `${about} is forbidden: User ${user} cannot ${verb} resource ${JSON.stringify(whole)} in API group ${JSON.stringify(group)} ${scope}`;
  return failure(403, 'Forbidden', message, {
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { group }),
    kind: resource,
  });
}
