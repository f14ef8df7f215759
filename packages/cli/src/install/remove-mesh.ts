import { configKinds } from '@lateen/config';
import { isStatus, resources, type KubeClient, type Resource } from '@lateen/kube';
import { ownerLabel } from './install-names.ts';

const installState: Resource = {
  group: configKinds.IstioOperator.group,
  version: 'v1alpha1',
  kind: 'IstioOperator',
  plural: configKinds.IstioOperator.plural,
  namespaced: true,
};

/** Webhooks first: they would refuse what follows once nobody answers for them. */
const order: readonly Resource[] = [
  resources.mutatingWebhookConfigurations,
  resources.validatingWebhookConfigurations,
  resources.horizontalPodAutoscalers,
  resources.podDisruptionBudgets,
  resources.deployments,
  resources.services,
  resources.configMaps,
  resources.roleBindings,
  resources.roles,
  resources.clusterRoleBindings,
  resources.clusterRoles,
  resources.serviceAccounts,
  installState,
];

/**
 * Removes every object that an installation wrote, found by its labels, and the CA that the control plane
 * made. Of one revision where it is named. CRDs stay, and what was made of them with them.
 */
export async function removeMesh(
  client: KubeClient,
  revision: string | undefined,
  onRemoved: (shown: string) => void,
): Promise<void> {
  const labelSelector = revision === undefined ? ownerLabel : `${ownerLabel},istio.io/rev=${revision}`;
  for (const resource of order) {
    await removeListed(client, resource, { labelSelector }, onRemoved);
  }
  if (revision !== undefined) return;
  await removeListed(
    client,
    resources.secrets,
    { fieldSelector: 'metadata.name=istio-ca-secret' },
    onRemoved,
  );
  await removeListed(
    client,
    resources.configMaps,
    { fieldSelector: 'metadata.name=istio-ca-root-cert' },
    onRemoved,
  );
}

async function removeListed(
  client: KubeClient,
  resource: Resource,
  selection: { readonly labelSelector?: string; readonly fieldSelector?: string },
  onRemoved: (shown: string) => void,
): Promise<void> {
  try {
    const { items } = await client.list(resource, selection);
    for (const { metadata } of items) {
      await client.delete(resource, metadata.namespace, metadata.name, { propagationPolicy: 'Background' });
      const place = metadata.namespace === undefined ? '' : `${metadata.namespace}/`;
      onRemoved(`${resource.kind}:${place}${metadata.name}`);
    }
  } catch (error) {
    // The resource is not served, or somebody else removed the object meanwhile.
    if (!isStatus(error, 'NotFound')) throw error;
  }
}
