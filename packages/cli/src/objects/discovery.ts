import { LateenError } from '@lateen/core';
import type { HttpKubeClient, Resource } from '@lateen/kube';

interface ApiResource {
  readonly name: string;
  readonly singularName?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly namespaced: boolean;
  readonly kind: string;
  readonly verbs: readonly string[];
}

interface GroupList {
  readonly groups: readonly {
    readonly name: string;
    readonly versions: readonly { readonly version: string }[];
    readonly preferredVersion?: { readonly version: string };
  }[];
}

interface Known {
  readonly resource: Resource;
  readonly words: readonly string[];
  readonly preferred: boolean;
}

/** What an API server serves. */
export interface Discovery {
  /** The resource that a person means by `po`, `pods`, `virtualservice` or `deployments.apps`. */
  byWord(word: string): Promise<Resource>;
  /** The resource of an object's kind. */
  byKind(apiVersion: string, kind: string): Promise<Resource>;
}

/** Discovery over the plain `/api` and `/apis` documents; each is asked for at most once. */
export function discovery(client: HttpKubeClient): Discovery {
  const versions = new Map<string, Promise<Known[]>>();
  let groups: Promise<GroupList> | undefined;

  const load = (group: string, version: string, preferred: boolean): Promise<Known[]> => {
    const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    const loaded = versions.get(path) ?? loadVersion(client, path, group, version, preferred);
    versions.set(path, loaded);
    return loaded;
  };
  const allGroups = (): Promise<GroupList> => {
    groups ??= client.raw('GET', '/apis') as Promise<GroupList>;
    return groups;
  };
  const everything = async (): Promise<Known[]> => {
    const core = await load('', 'v1', true);
    const others = (await allGroups()).groups.flatMap((group) =>
      group.versions.map(({ version }) =>
        load(group.name, version, version === (group.preferredVersion ?? group.versions[0])?.version),
      ),
    );
    return [...core, ...(await Promise.all(others)).flat()];
  };
  return {
    async byWord(word) {
      const [name = '', ...rest] = word.toLowerCase().split('.');
      const group = rest.join('.');
      const core =
        group === '' ? (await load('', 'v1', true)).find((known) => known.words.includes(name)) : undefined;
      if (core !== undefined) return core.resource;
      const matches = (await everything()).filter(
        ({ resource, words }) => words.includes(name) && (group === '' || resource.group === group),
      );
      const found = matches.find((known) => known.preferred) ?? matches[0];
      if (found !== undefined) return found.resource;
      throw new LateenError('cli.noResource', `the server doesn't have a resource type "${word}"`, {
        hint: '`kubectl api-resources` lists what it has',
      });
    },
    async byKind(apiVersion, kind) {
      const at = apiVersion.indexOf('/');
      const group = at < 0 ? '' : apiVersion.slice(0, at);
      const version = at < 0 ? apiVersion : apiVersion.slice(at + 1);
      const known = await load(group, version, true).catch((): Known[] => []);
      const found = known.find((candidate) => candidate.resource.kind === kind);
      if (found !== undefined) return found.resource;
      throw new LateenError('cli.noKind', `no matches for kind "${kind}" in version "${apiVersion}"`, {
        hint: 'ensure CRDs are installed first',
      });
    },
  };
}

async function loadVersion(
  client: HttpKubeClient,
  path: string,
  group: string,
  version: string,
  preferred: boolean,
): Promise<Known[]> {
  const list = (await client.raw('GET', path)) as { readonly resources: readonly ApiResource[] };
  return list.resources
    .filter(({ name }) => !name.includes('/'))
    .map(({ name, kind, namespaced, singularName, shortNames = [] }) => ({
      resource: { group, version, kind, plural: name, namespaced },
      words: [name, singularName || kind.toLowerCase(), kind.toLowerCase(), ...shortNames],
      preferred,
    }));
}
