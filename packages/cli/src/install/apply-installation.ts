import { LateenError, messageOf, sleep } from '@lateen/core';
import { isStatus, KubeStatusError, type KubeClient, type KubeObject } from '@lateen/kube';
import { describe, resourceOf } from './resource-of.ts';

const fieldManager = 'istio-operator';
/** So many requests at a time: enough to hide the way to a far API server, too few to trouble it. */
const parallel = 8;

/** Applies objects by server-side apply, several at a time; all are tried, the first failures are reported together. */
export async function applyAll(client: KubeClient, objects: readonly KubeObject[]): Promise<void> {
  const failures: string[] = [];
  const queue = [...objects];
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const object = next;
      await applyOne(client, object).catch((error: unknown) => {
        failures.push(`${describe(object)}: ${messageOf(error)}`);
      });
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallel, objects.length) }, worker));
  if (failures.length > 0) {
    throw new LateenError('install.applyFailed', `could not apply\n${failures.join('\n')}`, {
      hint: 'The user of the kubeconfig must be allowed to manage the whole cluster.',
    });
  }
}

async function applyOne(client: KubeClient, object: KubeObject): Promise<void> {
  const resource = resourceOf(object);
  const { namespace, name } = object.metadata;
  if (object.kind === 'CustomResourceDefinition') {
    await replaceWhole(client, object);
    return;
  }
  // A CRD takes a moment until its kind is served.
  for (let attempt = 1; ; attempt++) {
    try {
      await client.patch(resource, resource.namespaced ? namespace : undefined, name, 'apply', object, {
        fieldManager,
        force: true,
      });
      return;
    } catch (error) {
      const notYetServed = resource.group.endsWith('.istio.io') && isStatus(error, 'NotFound');
      const conflict = error instanceof KubeStatusError && error.httpCode === 409;
      if ((!notYetServed && !conflict) || attempt === 10) throw error;
      await sleep(50 * attempt);
    }
  }
}

/** Creates or replaces: cheaper than an apply, which keeps an owner for each field of the schemas. */
async function replaceWhole(client: KubeClient, object: KubeObject): Promise<void> {
  const resource = resourceOf(object);
  try {
    await client.create(resource, object, { fieldManager });
  } catch (error) {
    if (!isStatus(error, 'AlreadyExists')) throw error;
    const present = await client.get(resource, undefined, object.metadata.name);
    const { resourceVersion } = present.metadata;
    await client.update(
      resource,
      {
        ...object,
        metadata: { ...object.metadata, ...(resourceVersion === undefined ? {} : { resourceVersion }) },
      },
      { fieldManager },
    );
  }
}
