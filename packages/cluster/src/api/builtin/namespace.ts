import type { KubeObject } from '@lateen/kube';
import type { Strategy } from '../registry/resource-type.ts';
import { dnsLabelProblems } from '../validation/names.ts';

export interface NamespaceObject extends KubeObject {
  spec?: { finalizers?: string[] };
  status?: { phase?: string; conditions?: unknown[] };
}

const kubernetesFinalizer = 'kubernetes';

/** A namespace stays, Terminating, until its content is gone and `spec.finalizers` is empty. */
export const namespaceStrategy: Strategy = {
  countsGenerations: false,
  nameRule: dnsLabelProblems,
  selectableFields: ['status.phase'],
  prepare(object, old) {
    const namespace = object as NamespaceObject;
    // Only `/finalize` takes these off.
    if (old === undefined) {
      namespace.spec = {
        finalizers: [...new Set([...(namespace.spec?.finalizers ?? []), kubernetesFinalizer])],
      };
      namespace.status = { phase: 'Active' };
    } else if (old['spec'] !== undefined) namespace.spec = (old as NamespaceObject).spec ?? {};
  },
  setDefaults(object) {
    object.metadata.labels = {
      ...object.metadata.labels,
      'kubernetes.io/metadata.name': object.metadata.name,
    };
  },
  holdsDeletion: (object) => ((object as NamespaceObject).spec?.finalizers?.length ?? 0) > 0,
  markDeleted(object) {
    const namespace = object as NamespaceObject;
    namespace.status = { ...namespace.status, phase: 'Terminating' };
  },
};
