import { isStatus, type HttpKubeClient } from '@lateen/kube';
import { LateenError } from '@lateen/core';
import { discovery } from '../objects/discovery.ts';
import type { InstallValues } from './install-values.ts';
import { installObjects } from './render-install.ts';

/** What became of one object's check. */
export interface CheckedObject {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  /** Why it is not as it should be; undefined where all is well. */
  readonly problem?: string;
}

/** Looks every object of an installation up in the cluster; Deployments must also be available. */
export async function verifyInstall(client: HttpKubeClient, values: InstallValues): Promise<CheckedObject[]> {
  const known = discovery(client);
  const check = async (object: ReturnType<typeof installObjects>[number]): Promise<CheckedObject> => {
    const shown = {
      kind: object.kind,
      name: object.metadata.name,
      namespace: object.metadata.namespace ?? values.namespace,
    };
    try {
      const resource = await known.byKind(object.apiVersion, object.kind);
      const found = await client.get(resource, object.metadata.namespace, object.metadata.name);
      const available =
        (found['status'] as { readonly availableReplicas?: number } | undefined)?.availableReplicas ?? 0;
      if (object.kind === 'Deployment' && available === 0)
        return { ...shown, problem: 'has no available replica' };
      return shown;
    } catch (error) {
      if (isStatus(error, 'NotFound')) return { ...shown, problem: 'is missing' };
      if (error instanceof LateenError && error.code === 'cli.noKind')
        return { ...shown, problem: error.message };
      throw error;
    }
  };
  return Promise.all(installObjects(values).map(check));
}
