import { isStatus, type Deployment, type KubeClient, type KubeObject } from '@lateen/kube';
import { installSteps } from './render-install.ts';
import type { Installation } from './resolve-install.ts';
import { resourceOf } from './resource-of.ts';
import { isRolledOut } from './wait-ready.ts';

/** What became of one object's check. */
export interface CheckedObject {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  /** Why it is not as it should be; undefined where all is well. */
  readonly problem?: string;
}

/** Looks every object of an installation up in the cluster; Deployments must also be rolled out. */
export function verifyMesh(client: KubeClient, installation: Installation): Promise<CheckedObject[]> {
  const objects = installSteps(installation).flatMap((step) => step.objects);
  const check = async (object: KubeObject): Promise<CheckedObject> => {
    const { name, namespace } = object.metadata;
    const shown = { kind: object.kind, name, namespace: namespace ?? installation.namespace };
    const resource = resourceOf(object);
    try {
      const found = await client.get(resource, resource.namespaced ? namespace : undefined, name);
      if (object.kind === 'Deployment' && !isRolledOut(found as Deployment)) {
        return { ...shown, problem: 'is not rolled out' };
      }
      return shown;
    } catch (error) {
      if (isStatus(error, 'NotFound')) return { ...shown, problem: 'is missing' };
      throw error;
    }
  };
  return Promise.all(objects.filter(({ kind }) => kind !== 'Namespace').map(check));
}
