import { isJsonObject, type JsonObject, type KubeObject } from '@lateen/kube';
import { jsonResponse, type ApiResponse } from '../http/api-request.ts';
import type { ResourceCall, SubresourceHandler } from '../http/resource-handler.ts';
import type { UserInfo } from '../registry/request-context.ts';
import { decodeObject } from '../registry/decode-object.ts';
import { badRequest, methodNotAllowed } from '../status.ts';
import type { AccessRequest } from './policy-rules.ts';
import type { RbacAuthorizer } from './rbac-authorizer.ts';
import type { ServiceAccountTokens } from './service-account-tokens.ts';

const authentication = 'authentication.k8s.io';
const authorization = 'authorization.k8s.io';

/** The kinds that are questions: they are answered and not stored. */
export function reviewHandlers(
  tokens: ServiceAccountTokens,
  authorizer: RbacAuthorizer,
): Map<string, SubresourceHandler> {
  return new Map<string, SubresourceHandler>([
    [`${authentication}/tokenreviews/`, (call) => answer(call, (spec) => reviewToken(spec, tokens))],
    [
      `${authentication}/selfsubjectreviews/`,
      (call) => answer(call, async () => ({ userInfo: userJson(call.context.user) })),
    ],
    [
      `${authorization}/subjectaccessreviews/`,
      (call) => answer(call, (spec) => reviewAccess(subjectOf(spec), spec, authorizer)),
    ],
    [
      `${authorization}/selfsubjectaccessreviews/`,
      (call) => answer(call, (spec) => reviewAccess(call.context.user, spec, authorizer)),
    ],
    [
      `${authorization}/selfsubjectrulesreviews/`,
      (call) => answer(call, (spec) => reviewRules(call.context.user, spec, authorizer)),
    ],
  ]);
}

async function answer(
  call: ResourceCall,
  judge: (spec: JsonObject) => Promise<JsonObject>,
): Promise<ApiResponse> {
  if (call.request.method !== 'POST') throw methodNotAllowed();
  const text = (await call.request.body()).toString();
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    throw badRequest('the body of the request is not JSON');
  }
  const object: KubeObject = decodeObject(call.path.served, '', body, call.context);
  const spec = isJsonObject(object['spec']) ? object['spec'] : {};
  const metadata = { creationTimestamp: null };
  return jsonResponse(201, { ...object, metadata, status: await judge(spec) }, call.warnings);
}

function userJson(user: UserInfo): JsonObject {
  return {
    username: user.name,
    ...(user.uid === undefined ? {} : { uid: user.uid }),
    groups: user.groups,
    ...(user.extra === undefined ? {} : { extra: user.extra }),
  };
}

async function reviewToken(spec: JsonObject, tokens: ServiceAccountTokens): Promise<JsonObject> {
  const { token, audiences } = spec;
  if (typeof token !== 'string' || token === '')
    throw badRequest('token is required for TokenReview in authentication');
  const wanted = strings(audiences);
  const verdict = await tokens.verify(token, wanted.length > 0 ? wanted : [tokens.apiAudience]);
  if (!verdict.ok) return { authenticated: false, user: {}, error: verdict.why };
  return { authenticated: true, user: userJson(verdict.user), audiences: verdict.audiences };
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function subjectOf(spec: JsonObject): UserInfo {
  return { name: text(spec['user']), uid: text(spec['uid']), groups: strings(spec['groups']) };
}

async function reviewAccess(
  user: UserInfo,
  spec: JsonObject,
  authorizer: RbacAuthorizer,
): Promise<JsonObject> {
  const access = accessOf(spec);
  if (access === undefined) {
    throw badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified');
  }
  return { allowed: await authorizer.allows(user, access) };
}

function accessOf(spec: JsonObject): AccessRequest | undefined {
  const { resourceAttributes: resource, nonResourceAttributes: path } = spec;
  if (isJsonObject(resource)) {
    return {
      kind: 'resource',
      verb: text(resource['verb']),
      group: text(resource['group']),
      resource: text(resource['resource']),
      subresource: text(resource['subresource']),
      name: text(resource['name']),
      namespace: text(resource['namespace']),
    };
  }
  if (!isJsonObject(path)) return undefined;
  return { kind: 'path', verb: text(path['verb']), path: text(path['path']) };
}

async function reviewRules(
  user: UserInfo,
  spec: JsonObject,
  authorizer: RbacAuthorizer,
): Promise<JsonObject> {
  const rules = await authorizer.rulesOf(user, text(spec['namespace']));
  return {
    resourceRules: rules.filter((rule) => rule.resources !== undefined),
    nonResourceRules: rules.filter((rule) => rule.nonResourceURLs !== undefined),
    incomplete: false,
  };
}
