import { messageOf, type Logger } from '@lateen/core';
import type { KubeClient, Resource } from '@lateen/kube';

/** A resource as discovery describes it. */
export interface ServedResource extends Resource {
  readonly verbs: readonly string[];
}

interface ResourceList {
  readonly groupVersion?: string;
  readonly resources?: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly verbs?: readonly string[];
  }[];
}

interface GroupList {
  readonly groups?: readonly {
    readonly name: string;
    readonly preferredVersion?: { readonly version: string };
    readonly versions: readonly { readonly version: string }[];
  }[];
}

/** Everything that the server serves, each at its group's preferred version; subresources left out. */
export async function servedResources(client: KubeClient, logger: Logger): Promise<ServedResource[]> {
  const found: ServedResource[] = [];
  const add = (list: ResourceList, group: string, version: string): void => {
    for (const entry of list.resources ?? []) {
      if (entry.name.includes('/')) continue;
      if (found.some((other) => other.group === group && other.plural === entry.name)) continue;
      found.push({
        group,
        version,
        kind: entry.kind,
        plural: entry.name,
        namespaced: entry.namespaced,
        verbs: entry.verbs ?? [],
      });
    }
  };
  add((await client.raw('GET', '/api/v1')) as ResourceList, '', 'v1');
  const groups = (await client.raw('GET', '/apis')) as GroupList;
  for (const { name, preferredVersion, versions } of groups.groups ?? []) {
    const others = versions.map(({ version }) => version);
    // A kind may be served at another version than the preferred one only.
    for (const version of new Set([preferredVersion?.version ?? '', ...others])) {
      if (version === '') continue;
      try {
        add((await client.raw('GET', `/apis/${name}/${version}`)) as ResourceList, name, version);
      } catch (error) {
        logger.debug('discovery failed', { group: name, version, error: messageOf(error) });
      }
    }
  }
  return found;
}
