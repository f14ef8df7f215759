import {
  cloneJson,
  isStatus,
  resources,
  type KubeClient,
  type KubeObject,
  type Resource,
} from '@lateen/kube';
import { bootstrapBindings, bootstrapRoles } from './auth/bootstrap-roles.ts';

const namespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** Creates what every cluster begins with; what exists is left as it is. */
export async function bootstrap(client: KubeClient): Promise<void> {
  for (const name of namespaces) {
    await ensure(client, resources.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
  for (const role of bootstrapRoles) await ensure(client, resources.clusterRoles, cloneJson(role));
  for (const binding of bootstrapBindings) {
    await ensure(client, resources.clusterRoleBindings, cloneJson(binding));
  }
}

async function ensure(client: KubeClient, resource: Resource, object: KubeObject): Promise<void> {
  try {
    await client.create(resource, object);
  } catch (error) {
    if (!isStatus(error, 'AlreadyExists')) throw error;
  }
}
