import {
  controllerOf,
  controllerReference,
  isStatus,
  type KubeClient,
  type KubeObject,
  type LabelMatcher,
  type Resource,
} from '@lateen/kube';

/** The objects that belong to `owner` now, after taking in and letting go. */
export interface ClaimOptions<T extends KubeObject> {
  readonly client: KubeClient;
  readonly owner: KubeObject;
  readonly ownerResource: Resource;
  readonly resource: Resource;
  readonly matches: LabelMatcher;
  readonly candidates: readonly T[];
}

/**
 * What an owner owns among the candidates. Owned objects whose labels have changed away are let go; free ones
 * whose labels match are adopted, unless the owner is being deleted.
 */
export async function claim<T extends KubeObject>(options: ClaimOptions<T>): Promise<T[]> {
  const { client, owner, ownerResource, resource, matches } = options;
  const claimed: T[] = [];
  for (const object of options.candidates) {
    const controller = controllerOf(object);
    const fits = matches(object.metadata.labels);
    if (controller !== undefined) {
      if (controller.uid !== owner.metadata.uid) continue;
      if (fits) claimed.push(object);
      else if (owner.metadata.deletionTimestamp === undefined) {
        const rest = object.metadata.ownerReferences?.filter((other) => other.uid !== owner.metadata.uid);
        await setOwners(client, resource, object, rest ?? []);
      }
      continue;
    }
    const canAdopt =
      fits &&
      owner.metadata.deletionTimestamp === undefined &&
      object.metadata.deletionTimestamp === undefined;
    if (!canAdopt) continue;
    const owners = [...(object.metadata.ownerReferences ?? []), controllerReference(ownerResource, owner)];
    if (await setOwners(client, resource, object, owners)) claimed.push(object);
  }
  return claimed;
}

async function setOwners(
  client: KubeClient,
  resource: Resource,
  object: KubeObject,
  ownerReferences: KubeObject['metadata']['ownerReferences'],
): Promise<boolean> {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  try {
    // The uid and revision make the server refuse where it is no longer the object that was looked at.
    await client.patch(resource, namespace, name, 'merge', {
      metadata: { uid, resourceVersion, ownerReferences },
    });
    return true;
  } catch (error) {
    if (isStatus(error, 'NotFound')) return false;
    throw error;
  }
}
