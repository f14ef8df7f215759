import type { Pod } from '@lateen/kube';
import { badRequest } from '../status.ts';

/**
 * The container that a log, exec or attach call is about: the one named, else the only one.
 * Throws a KubeStatusError where it is not named and there are several, or where the pod has none of that name.
 */
export function chooseContainer(pod: Pod, named: string | null): string {
  const main = pod.spec.containers.map(({ name }) => name);
  const initial = (pod.spec.initContainers ?? []).map(({ name }) => name);
  const podName = pod.metadata.name;
  if (named === null || named === '') {
    const [only, ...more] = main;
    if (only !== undefined && more.length === 0) return only;
    const others = initial.length === 0 ? '' : ` or one of the init containers: [${initial.join(' ')}]`;
    throw badRequest(
      `a container name must be specified for pod ${podName}, choose one of: [${main.join(' ')}]${others}`,
    );
  }
  if (main.includes(named) || initial.includes(named)) return named;
  throw badRequest(`container ${named} is not valid for pod ${podName}`);
}
