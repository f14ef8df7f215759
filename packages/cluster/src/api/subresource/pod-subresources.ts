import type { Clock } from '@lateen/core';
import type { KubeObject } from '@lateen/kube';
import { objectIn, objectsIn, textIn } from '../builtin/default-fields.ts';
import { jsonResponse, type ApiResponse } from '../http/api-request.ts';
import type { ResourceCall } from '../http/resource-handler.ts';
import { timeText } from '../registry/object-meta.ts';
import type { ResourceService } from '../registry/resource-service.ts';
import type { ResourceWriter } from '../registry/resource-writer.ts';
import { badRequest, conflict, methodNotAllowed } from '../status.ts';
import { readJsonObject } from './read-json.ts';

const created = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

/** `/binding`: puts a pod on a node. */
export async function handleBinding(
  call: ResourceCall,
  writer: ResourceWriter,
  clock: Clock,
): Promise<ApiResponse> {
  const { request, path, context } = call;
  if (request.method !== 'POST') throw methodNotAllowed();
  const body = await readJsonObject(request);
  const node = textIn(objectIn(body, 'target'), 'name');
  if (node === '') throw badRequest('target.name: Required value');
  const uid = textIn(objectIn(body, 'metadata'), 'uid');
  const { served, namespace, name } = path;
  const target = { type: served.type, version: served.version, namespace, name };
  const bind = (pod: KubeObject): KubeObject => {
    const spec = objectIn(pod, 'spec') ?? {};
    const present = textIn(spec, 'nodeName');
    if (uid !== '' && uid !== pod.metadata.uid)
      throw conflict(served.type, name, 'the pod is another one by now');
    if (present !== '')
      throw conflict(served.type, name, `pod ${name} is already assigned to node ${JSON.stringify(present)}`);
    if (pod.metadata.deletionTimestamp !== undefined) {
      throw conflict(served.type, name, `pod ${name} is being deleted, cannot be assigned to a host`);
    }
    const scheduled = {
      type: 'PodScheduled',
      status: 'True',
      lastProbeTime: null,
      lastTransitionTime: timeText(clock.now()),
    };
    const status = objectIn(pod, 'status') ?? {};
    const others = objectsIn(status, 'conditions').filter(
      (condition) => condition['type'] !== 'PodScheduled',
    );
    return {
      ...pod,
      spec: { ...spec, nodeName: node },
      status: { ...status, conditions: [...others, scheduled] },
    };
  };
  await writer.update(target, bind, { ...context, fieldManager: '' }, 'binding');
  return jsonResponse(201, created);
}

/** `/eviction`: deletes a pod, for those who drain nodes. */
export async function handleEviction(call: ResourceCall, service: ResourceService): Promise<ApiResponse> {
  const { request, path, context } = call;
  if (request.method !== 'POST') throw methodNotAllowed();
  const body = await readJsonObject(request);
  const grace = objectIn(body, 'deleteOptions')?.['gracePeriodSeconds'];
  const options = { gracePeriodSeconds: typeof grace === 'number' ? grace : undefined };
  await service.delete(path.served, path.namespace, path.name, options, context);
  return jsonResponse(201, created);
}

/** `/finalize`: takes finalizers off a namespace. */
export async function handleFinalize(call: ResourceCall, writer: ResourceWriter): Promise<ApiResponse> {
  const { request, path, context } = call;
  if (request.method !== 'PUT') throw methodNotAllowed();
  const body = await readJsonObject(request);
  const wanted = objectIn(body, 'spec')?.['finalizers'];
  const finalizers = Array.isArray(wanted) ? wanted.filter((name) => typeof name === 'string') : [];
  const { served, name } = path;
  const target = { type: served.type, version: served.version, namespace: '', name };
  const change = (namespace: KubeObject): KubeObject => ({
    ...namespace,
    spec: { ...objectIn(namespace, 'spec'), finalizers },
  });
  const changed = await writer.update(target, change, { ...context, fieldManager: '' }, 'finalize');
  return jsonResponse(200, changed);
}
