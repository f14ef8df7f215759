import { isJsonObject, type KubeObject } from '@lateen/kube';
import { badRequest } from '../status.ts';
import type { RequestContext } from './request-context.ts';
import { apiVersionText } from './resource-type.ts';
import type { ServedType } from './type-registry.ts';

/** Checks that what a client sent is an object of the kind and namespace that the path names; changes it in place. */
export function decodeObject(
  served: ServedType,
  namespace: string,
  body: unknown,
  context: RequestContext,
): KubeObject {
  if (!isJsonObject(body)) throw badRequest('the body of the request must be an object');
  const object = body as KubeObject;
  checkKind(served, object);
  const { type } = served;
  if (object.metadata === undefined || object.metadata === null) object.metadata = { name: '' };
  checkFields(served, object, context);
  object.metadata.name ??= '';
  if (!type.namespaced) delete object.metadata.namespace;
  else {
    if (namespace === '') throw badRequest('an empty namespace may not be set during creation');
    const own = object.metadata.namespace;
    if (own !== undefined && own !== '' && own !== namespace) {
      throw badRequest(
        `the namespace of the provided object does not match the namespace sent on the request`,
      );
    }
    object.metadata.namespace = namespace;
  }
  return object;
}

function checkKind(served: ServedType, object: KubeObject): void {
  const { type, version } = served;
  const expected = apiVersionText(version);
  object.apiVersion ??= expected;
  object.kind ??= type.kind;
  if (object.apiVersion !== expected) {
    throw badRequest(
      `the API version in the data (${object.apiVersion}) does not match the expected API version (${expected})`,
    );
  }
  if (object.kind !== type.kind) {
    throw badRequest(`the kind in the data (${object.kind}) does not match the expected kind (${type.kind})`);
  }
}

function checkFields(served: ServedType, object: KubeObject, context: RequestContext): void {
  const { type, version } = served;
  const { unknown, wrong } = version.decode(object);
  const handled = `${type.kind} in version ${JSON.stringify(version.version)} cannot be handled as a ${type.kind}`;
  if (wrong.length > 0) throw badRequest(`${handled}: ${wrong.join('; ')}`);
  if (context.fieldValidation === 'Ignore') return;
  const findings = [
    ...unknown.map((path) => `unknown field ${JSON.stringify(path)}`),
    ...(context.duplicateFields ?? []).map((path) => `duplicate field ${JSON.stringify(path)}`),
  ];
  if (findings.length === 0) return;
  if (context.fieldValidation === 'Strict') {
    throw badRequest(`${handled}: strict decoding error: ${findings.join(', ')}`);
  }
  for (const finding of findings) context.warn(finding);
}
