import { LateenError } from '@lateen/core';
import { isPodReady, resources, type KubeObject, type Pod } from '@lateen/kube';
import type { ObjectScope } from './kube-command.ts';

interface WithSelector extends KubeObject {
  readonly spec: {
    readonly selector?: Record<string, unknown> & { readonly matchLabels?: Record<string, string> };
  };
}

/** The pod that is meant by `POD`, `TYPE/NAME` (a pod of that workload or service), or a selector. */
export async function choosePod(
  scope: ObjectScope,
  word: string | undefined,
  selector: string | undefined,
): Promise<Pod> {
  if (word === undefined && selector === undefined) {
    throw new LateenError('cli.noPod', 'say which pod: POD, TYPE/NAME, or -l LABELS');
  }
  let labels = selector;
  if (word !== undefined) {
    const [type = '', name] = word.split('/', 2);
    if (name === undefined) return scope.client.get<Pod>(resources.pods, scope.namespace, word);
    const resource = await scope.discovery.byWord(type);
    if (resource.kind === 'Pod') return scope.client.get<Pod>(resources.pods, scope.namespace, name);
    const owner = await scope.client.get<WithSelector>(resource, scope.namespace, name);
    const wanted =
      owner.spec.selector?.matchLabels ?? (owner.spec.selector as Record<string, string> | undefined);
    if (wanted === undefined) throw new LateenError('cli.noPod', `${word} selects no pods`);
    labels = Object.entries(wanted)
      .map(([key, value]) => `${key}=${value}`)
      .join(',');
  }
  const { items } = await scope.client.list<Pod>(resources.pods, {
    namespace: scope.namespace,
    ...(labels === undefined ? {} : { labelSelector: labels }),
  });
  const pod = items.find(isPodReady) ?? items[0];
  if (pod === undefined)
    throw new LateenError('cli.noPod', `no pod in namespace ${scope.namespace} has the labels ${labels}`);
  return pod;
}
