import type { KubeObject } from '@lateen/kube';
import { badRequest } from '../status.ts';
import type { RequestContext } from './request-context.ts';
import { apiVersionText } from './resource-type.ts';
import type { ServedType } from './type-registry.ts';

/** Checks that what a client sent is an object of the kind and namespace that the path names; changes it in place. */
export function decodeObject(
  served: ServedType,
  namespace: string,
  body: KubeObject,
  _context: RequestContext,
): KubeObject {
  const { type, version } = served;
  const expected = apiVersionText(version);
  body.apiVersion ??= expected;
  body.kind ??= type.kind;
  if (body.apiVersion !== expected) {
    throw badRequest(
      `the API version in the data (${body.apiVersion}) does not match the expected API version (${expected})`,
    );
  }
  if (body.kind !== type.kind) {
    throw badRequest(`the kind in the data (${body.kind}) does not match the expected kind (${type.kind})`);
  }
  body.metadata ??= { name: '' };
  if (!type.namespaced) delete body.metadata.namespace;
  else {
    if (namespace === '') throw badRequest('an empty namespace may not be set during creation');
    const own = body.metadata.namespace;
    if (own !== undefined && own !== '' && own !== namespace) {
      throw badRequest(
        `the namespace of the provided object does not match the namespace sent on the request (${own} and ${namespace})`,
      );
    }
    body.metadata.namespace = namespace;
  }
  return body;
}
