import { apiVersionText } from '../registry/resource-type.ts';
import type { TypeRegistry } from '../registry/type-registry.ts';
import { apiResources, listGroups, type GroupListing, type ResourceListing } from './groups.ts';

/** What the server serves, in the forms in which clients ask for it. Made anew when the kinds change. */
export class Discovery {
  readonly #types: TypeRegistry;
  #generation = -1;
  #groups: GroupListing[] = [];

  constructor(types: TypeRegistry) {
    this.#types = types;
  }

  /** `/api`. */
  legacyVersions(): unknown {
    return {
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [],
    };
  }

  /** `/apis`. */
  groupList(): unknown {
    const groups = this.groups().filter((listing) => listing.group !== '');
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupJson) };
  }

  /** `/apis/GROUP`; undefined where there is none. */
  group(name: string): unknown {
    const found = this.groups().find((listing) => listing.group === name && name !== '');
    return found === undefined ? undefined : { kind: 'APIGroup', apiVersion: 'v1', ...groupJson(found) };
  }

  /** `/apis/GROUP/VERSION`; undefined where there is none. */
  resources(group: string, version: string): unknown {
    const found = this.groups()
      .find((listing) => listing.group === group)
      ?.versions.find((listing) => listing.version === version);
    if (found === undefined) return undefined;
    return {
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: apiVersionText({ group, version }),
      resources: found.resources.flatMap(apiResources),
    };
  }

  /** Everything in one document, as newer clients ask for it: of the core group (`legacy`), or of all others. */
  aggregated(legacy: boolean, version: string): unknown {
    const groups = this.groups().filter((listing) => (listing.group === '') === legacy);
    return {
      kind: 'APIGroupDiscoveryList',
      apiVersion: `apidiscovery.k8s.io/${version}`,
      metadata: {},
      items: groups.map((listing) => ({
        metadata:
          listing.group === ''
            ? { creationTimestamp: null }
            : { name: listing.group, creationTimestamp: null },
        versions: listing.versions.map((one) => ({
          version: one.version,
          resources: one.resources.map(aggregatedResource),
          freshness: 'Current',
        })),
      })),
    };
  }

  groups(): readonly GroupListing[] {
    if (this.#generation !== this.#types.generation) {
      this.#groups = listGroups(this.#types);
      this.#generation = this.#types.generation;
    }
    return this.#groups;
  }
}

function groupJson(listing: GroupListing): object {
  const versions = listing.versions.map(({ version }) => ({
    groupVersion: apiVersionText({ group: listing.group, version }),
    version,
  }));
  return { name: listing.group, versions, preferredVersion: versions[0] };
}

function aggregatedResource(listing: ResourceListing): object {
  const { type, version } = listing;
  const [main, ...subs] = apiResources(listing);
  const kindOf = (kind: string, at: { group?: string; version?: string } = {}) => ({
    group: at.group ?? version.group,
    version: at.version ?? version.version,
    kind,
  });
  return {
    resource: type.plural,
    responseKind: kindOf(type.kind),
    scope: type.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: type.singular,
    verbs: main?.verbs ?? [],
    ...(main?.shortNames === undefined ? {} : { shortNames: main.shortNames }),
    ...(main?.categories === undefined ? {} : { categories: main.categories }),
    ...(subs.length > 0
      ? {
          subresources: subs.map((sub) => ({
            subresource: sub.name.slice(type.plural.length + 1),
            responseKind: kindOf(sub.kind, {
              ...(sub.group === undefined ? {} : { group: sub.group }),
              ...(sub.version === undefined ? {} : { version: sub.version }),
            }),
            verbs: sub.verbs,
          })),
        }
      : {}),
  };
}
