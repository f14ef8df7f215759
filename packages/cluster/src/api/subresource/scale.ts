import {
  formatLabelSelector,
  isJsonObject,
  jsonPatch,
  mergePatch,
  type JsonObject,
  type KubeObject,
} from '@lateen/kube';
import { objectIn } from '../builtin/default-fields.ts';
import { jsonResponse, type ApiResponse } from '../http/api-request.ts';
import type { ResourceCall } from '../http/resource-handler.ts';
import type { ResourceService } from '../registry/resource-service.ts';
import type { ScalePaths } from '../registry/resource-type.ts';
import { invalidValue } from '../field-error.ts';
import { badRequest, conflict, invalid, methodNotAllowed, unsupportedMediaType } from '../status.ts';
import { readJsonObject } from './read-json.ts';

/** `/scale`: the number of replicas of any kind that has one. */
export async function handleScale(
  call: ResourceCall,
  service: ResourceService,
  paths: ScalePaths,
): Promise<ApiResponse> {
  const { request, path, context, warnings } = call;
  const { served, namespace, name } = path;
  const present = await service.get(served, namespace, name);
  if (request.method === 'GET') return jsonResponse(200, scaleOf(present, paths), warnings);
  let wanted: unknown;
  if (request.method === 'PUT') wanted = await readJsonObject(request);
  else if (request.method === 'PATCH') wanted = await patchedScale(call, scaleOf(present, paths));
  else throw methodNotAllowed();
  const replicas = objectIn(isJsonObject(wanted) ? wanted : undefined, 'spec')?.['replicas'] ?? 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas))
    throw badRequest('spec.replicas must be a number');
  if (replicas < 0) {
    const error = invalidValue('spec.replicas', replicas, 'must be greater than or equal to 0');
    throw invalid({ group: 'autoscaling', plural: 'scales', kind: 'Scale' }, name, [error]);
  }
  const based = objectIn(wanted as JsonObject, 'metadata')?.['resourceVersion'];
  if (typeof based === 'string' && based !== '' && based !== present.metadata.resourceVersion) {
    throw conflict(served.type, name);
  }
  const patch = nested(paths.specReplicas, replicas);
  const body = { type: 'merge', patch, force: false } as const;
  const changed = await service.patch(served, namespace, name, body, context);
  return jsonResponse(200, scaleOf(changed, paths), warnings);
}

async function patchedScale(call: ResourceCall, scale: JsonObject): Promise<unknown> {
  const type = (call.request.headers['content-type'] ?? '').split(';', 1)[0] ?? '';
  const text = (await call.request.body()).toString();
  let patch: unknown;
  try {
    patch = JSON.parse(text);
  } catch {
    throw badRequest('the patch is not JSON');
  }
  // A Scale has no lists, so that a strategic merge is a merge.
  if (type === 'application/merge-patch+json' || type === 'application/strategic-merge-patch+json') {
    return mergePatch(scale, patch);
  }
  if (type !== 'application/json-patch+json') {
    throw unsupportedMediaType(type, ['application/json-patch+json', 'application/merge-patch+json']);
  }
  const result = jsonPatch(scale, patch);
  if (!result.ok) throw badRequest(result.problems[0]?.message ?? 'the patch does not apply');
  return result.value;
}

function scaleOf(object: KubeObject, paths: ScalePaths): JsonObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = paths.labelSelector === undefined ? undefined : valueAt(object, paths.labelSelector);
  const own = selector ?? objectIn(objectIn(object, 'spec'), 'selector');
  const text = typeof own === 'string' ? own : isJsonObject(own) ? formatLabelSelector(own) : undefined;
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: valueAt(object, paths.specReplicas) ?? 0 },
    status: {
      replicas: valueAt(object, paths.statusReplicas) ?? 0,
      ...(text === undefined ? {} : { selector: text }),
    },
  };
}

function valueAt(object: JsonObject, path: string): unknown {
  let at: unknown = object;
  for (const name of path.split('.')) at = isJsonObject(at) ? at[name] : undefined;
  return at;
}

function nested(path: string, value: unknown): JsonObject {
  return path
    .split('.')
    .toReversed()
    .reduce<unknown>((inner, name) => ({ [name]: inner }), value) as JsonObject;
}
