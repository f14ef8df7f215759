import { allVerbs, type ResourceType, type ServedVersion } from '../registry/resource-type.ts';
import type { TypeRegistry } from '../registry/type-registry.ts';

/** The resources of one version of a group. */
export interface VersionListing {
  readonly version: string;
  readonly resources: readonly ResourceListing[];
}

export interface ResourceListing {
  readonly type: ResourceType;
  readonly version: ServedVersion;
}

export interface GroupListing {
  readonly group: string;
  /** The preferred one first. */
  readonly versions: readonly VersionListing[];
}

/**
 * Groups in the order in which clients prefer them: the core group, then those of Kubernetes, then those of
 * CustomResourceDefinitions. `extensions` is last, since all it has is elsewhere too.
 */
export function listGroups(types: TypeRegistry): GroupListing[] {
  const groups = new Map<string, Map<string, ResourceListing[]>>();
  for (const type of types.types()) {
    for (const version of type.versions) {
      let versions = groups.get(version.group);
      if (versions === undefined) groups.set(version.group, (versions = new Map()));
      let resources = versions.get(version.version);
      if (resources === undefined) versions.set(version.version, (resources = []));
      resources.push({ type, version });
    }
  }
  return [...groups]
    .map(([group, versions]) => ({
      group,
      versions: [...versions]
        .map(([version, resources]) => ({ version, resources }))
        .sort((a, b) => compareVersions(a.version, b.version)),
    }))
    .sort((a, b) => rank(a) - rank(b));
}

function rank(listing: GroupListing): number {
  if (listing.group === '') return 0;
  if (listing.group === 'extensions' || listing.group === 'events.k8s.io') return 3;
  return listing.versions.some((version) => version.resources.some(({ type }) => type.custom)) ? 2 : 1;
}

const versionForm = /^v(\d+)(?:(alpha|beta)(\d+))?$/;

/** Kubernetes' order of versions, the most stable and newest first: `v2 v1 v2beta1 v1beta2 v1alpha1`. */
export function compareVersions(a: string, b: string): number {
  const left = versionForm.exec(a);
  const right = versionForm.exec(b);
  if (left === null || right === null) {
    if (left !== null) return -1;
    return right !== null ? 1 : a < b ? -1 : a > b ? 1 : 0;
  }
  const stability = (match: RegExpExecArray): number =>
    match[2] === undefined ? 0 : match[2] === 'beta' ? 1 : 2;
  return (
    stability(left) - stability(right) ||
    Number(right[1]) - Number(left[1]) ||
    Number(right[3] ?? 0) - Number(left[3] ?? 0)
  );
}

/** One line of an `APIResourceList`. */
export interface ApiResource {
  readonly name: string;
  readonly singularName: string;
  readonly namespaced: boolean;
  readonly group?: string;
  readonly version?: string;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly storageVersionHash?: string;
}

/** The resource and its subresources. */
export function apiResources({ type, version }: ResourceListing): ApiResource[] {
  const { namespaced } = type;
  // The same kind in two groups would make every short name ambiguous.
  const ownsNames = version.group === type.group;
  const main: ApiResource = {
    name: type.plural,
    singularName: type.singular,
    namespaced,
    kind: type.kind,
    verbs: [...(type.verbs ?? allVerbs)],
    ...(ownsNames && type.shortNames.length > 0 ? { shortNames: type.shortNames } : {}),
    ...(ownsNames && type.categories.length > 0 ? { categories: type.categories } : {}),
  };
  return [main, ...subresources(type, version).map((sub) => ({ namespaced, singularName: '', ...sub }))];
}

type Subresource = Pick<ApiResource, 'name' | 'kind' | 'verbs' | 'group' | 'version'>;

const otherKinds: Readonly<Record<string, Omit<Subresource, 'name'>>> = {
  attach: { kind: 'PodAttachOptions', verbs: ['create', 'get'] },
  binding: { kind: 'Binding', verbs: ['create'] },
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] },
  exec: { kind: 'PodExecOptions', verbs: ['create', 'get'] },
  finalize: { kind: 'Namespace', verbs: ['update'] },
  log: { kind: 'Pod', verbs: ['get'] },
  portforward: { kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
  proxy: { kind: '', verbs: ['create', 'delete', 'get', 'patch', 'update'] },
  token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs: ['create'] },
};

function subresources(type: ResourceType, version: ServedVersion): Subresource[] {
  const { status, scale, others = [] } = version.subresources;
  const verbs = ['get', 'patch', 'update'];
  const found: Subresource[] = [];
  for (const name of others) {
    const other = otherKinds[name];
    if (other === undefined) continue;
    const kind = name === 'proxy' ? `${type.kind}ProxyOptions` : other.kind;
    found.push({ name: `${type.plural}/${name}`, ...other, kind });
  }
  if (scale !== undefined) {
    found.push({ name: `${type.plural}/scale`, group: 'autoscaling', version: 'v1', kind: 'Scale', verbs });
  }
  if (status) found.push({ name: `${type.plural}/status`, kind: type.kind, verbs });
  return found.sort((a, b) => (a.name < b.name ? -1 : 1));
}
