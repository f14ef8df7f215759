import type { ResourceReader } from '../registry/resource-reader.ts';
import type { TypeRegistry } from '../registry/type-registry.ts';
import { failure, forbidden, notFound } from '../status.ts';
import { isStatus } from '@lateen/kube';
import type { AdmissionPlugin } from './admission.ts';

/** Namespaces that stay. */
const permanent: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/** Nothing is created in a namespace that does not exist or is going; the first namespaces stay. */
export function namespaceLifecycle(reader: ResourceReader, types: TypeRegistry): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    async mutate(request) {
      const { operation, type, name } = request;
      if (
        operation === 'DELETE' &&
        type.plural === 'namespaces' &&
        type.group === '' &&
        permanent.has(name)
      ) {
        throw forbidden(type, name, 'this namespace may not be deleted');
      }
      if (operation !== 'CREATE' || !type.namespaced) return;
      const namespaces = types.findPlural('', 'namespaces');
      if (namespaces === undefined) return;
      const namespace = request.object?.metadata.namespace ?? request.namespace;
      const found = await reader.get(namespaces, '', namespace).catch((error: unknown) => {
        if (isStatus(error, 'NotFound')) throw notFound(namespaces, namespace);
        throw error;
      });
      if (found.metadata.deletionTimestamp === undefined) return;
      const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
      const base = forbidden(type, request.object?.metadata.name ?? name, why).status;
      throw failure(403, 'Forbidden', base.message ?? why, {
        ...base.details,
        causes: [
          {
            reason: 'NamespaceTerminating',
            message: `namespace ${namespace} is being terminated`,
            field: 'metadata.namespace',
          },
        ],
      });
    },
  };
}
