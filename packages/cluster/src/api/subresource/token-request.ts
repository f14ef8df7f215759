import type { ServiceAccountTokens } from '../auth/service-account-tokens.ts';
import { objectIn, textIn } from '../builtin/default-fields.ts';
import { jsonResponse, type ApiResponse } from '../http/api-request.ts';
import type { ResourceCall } from '../http/resource-handler.ts';
import { timeText } from '../registry/object-meta.ts';
import type { ObjectStore } from '../registry/object-store.ts';
import type { ResourceService } from '../registry/resource-service.ts';
import type { TypeRegistry } from '../registry/type-registry.ts';
import { badRequest, conflict, methodNotAllowed, notFound } from '../status.ts';
import { readJsonObject } from './read-json.ts';

const defaultLifeSeconds = 3600;
const minLifeSeconds = 600;
const maxLifeSeconds = 86_400 * 365;

/** What a token request needs of the server. */
export interface TokenRequestParts {
  readonly service: ResourceService;
  readonly objects: ObjectStore;
  readonly types: TypeRegistry;
  readonly tokens: ServiceAccountTokens;
}

/** `/token` of a service account: a new token, bound to a pod where the request names one. */
export async function handleTokenRequest(call: ResourceCall, parts: TokenRequestParts): Promise<ApiResponse> {
  const { request, path } = call;
  if (request.method !== 'POST') throw methodNotAllowed();
  const { tokens } = parts;
  const account = await parts.service.get(path.served, path.namespace, path.name);
  const body = await readJsonObject(request);
  const spec = objectIn(body, 'spec') ?? {};
  const asked = Array.isArray(spec['audiences'])
    ? spec['audiences'].filter((one) => typeof one === 'string')
    : [];
  const audiences = asked.length > 0 ? asked : [tokens.apiAudience];
  const lifeSeconds = Number(spec['expirationSeconds'] ?? defaultLifeSeconds);
  if (!(lifeSeconds >= minLifeSeconds)) {
    throw badRequest(
      `spec.expirationSeconds: Invalid value: ${lifeSeconds}: may not specify a duration less than 10 minutes`,
    );
  }
  const pod = await boundPod(call, spec, parts);
  const subject = {
    namespace: path.namespace,
    serviceAccount: { name: path.name, uid: account.metadata.uid ?? '' },
    ...(pod === undefined ? {} : { pod }),
  };
  const issued = await tokens.issue(subject, audiences, Math.min(lifeSeconds, maxLifeSeconds));
  return jsonResponse(201, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: path.name, namespace: path.namespace, creationTimestamp: null },
    spec: { ...spec, audiences, expirationSeconds: lifeSeconds },
    status: { token: issued.token, expirationTimestamp: timeText(issued.expiresMs) },
  });
}

async function boundPod(
  call: ResourceCall,
  spec: Record<string, unknown>,
  parts: TokenRequestParts,
): Promise<{ name: string; uid: string } | undefined> {
  const reference = objectIn(spec, 'boundObjectRef');
  if (reference === undefined) return undefined;
  const kind = textIn(reference, 'kind');
  if (kind !== 'Pod') throw badRequest(`cannot bind token to object of type ${kind}; only Pod is supported`);
  const pods = parts.types.findPlural('', 'pods');
  const name = textIn(reference, 'name');
  const found = pods === undefined ? undefined : await parts.objects.get(pods, call.path.namespace, name);
  if (pods === undefined || found === undefined)
    throw notFound({ group: '', plural: 'pods', kind: 'Pod' }, name);
  const uid = found.object.metadata.uid ?? '';
  const wanted = textIn(reference, 'uid');
  if (wanted !== '' && wanted !== uid) {
    throw conflict(
      pods,
      name,
      `the UID in the bound object reference (${wanted}) does not match the UID in record (${uid})`,
    );
  }
  return { name, uid };
}
