import {
  isStatus,
  resources,
  serviceNameLabel,
  type EndpointSlice,
  type KubeClient,
  type KubeObject,
  type OwnerReference,
} from '@lateen/kube';
import { sameValue } from '../deep-equal.ts';
import { randomSuffix } from '../random-suffix.ts';
import { planSlices, type SliceGroup } from './slice-plan.ts';

/** Says which controller a slice belongs to; nobody touches another's. */
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';

export interface SliceOwner {
  readonly namespace: string;
  /** The slices' names begin with it. */
  readonly prefix: string;
  readonly serviceName: string;
  readonly managedBy: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly reference: OwnerReference;
}

/** Brings the slices of one owner in line with the groups; returns the names of what was created. */
export async function writeSlices(
  client: KubeClient,
  owner: SliceOwner,
  groups: readonly SliceGroup[],
  existing: readonly EndpointSlice[],
): Promise<EndpointSlice[]> {
  const labels = {
    ...owner.labels,
    [serviceNameLabel]: owner.serviceName,
    [managedByLabel]: owner.managedBy,
  };
  const plan = planSlices(groups, existing);
  const created: EndpointSlice[] = [];
  for (const group of plan.create) {
    created.push(
      await client.create<EndpointSlice>(resources.endpointSlices, {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          name: `${owner.prefix}-${randomSuffix()}`,
          generateName: `${owner.prefix}-`,
          namespace: owner.namespace,
          labels,
          ownerReferences: [owner.reference],
        },
        addressType: 'IPv4',
        endpoints: [...group.endpoints],
        ports: [...group.ports],
      }),
    );
  }
  const updated = new Set<EndpointSlice>();
  for (const { slice, endpoints } of plan.update) {
    updated.add(slice);
    await client.update(resources.endpointSlices, {
      ...slice,
      metadata: { ...slice.metadata, labels },
      endpoints: [...endpoints],
    });
  }
  for (const slice of existing) {
    if (updated.has(slice) || plan.remove.includes(slice)) continue;
    if (sameValue(slice.metadata.labels, labels)) continue;
    await client.update(resources.endpointSlices, { ...slice, metadata: { ...slice.metadata, labels } });
  }
  await deleteSlices(client, plan.remove);
  return created;
}

export async function deleteSlices(client: KubeClient, slices: readonly KubeObject[]): Promise<void> {
  for (const { metadata } of slices) {
    await client
      .delete(resources.endpointSlices, metadata.namespace, metadata.name)
      .catch((error: unknown) => {
        if (!isStatus(error, 'NotFound')) throw error;
      });
  }
}
