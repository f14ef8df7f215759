import type { ServedType, TypeRegistry } from '../registry/type-registry.ts';

/** A path below `/api` or `/apis`, taken apart. */
export type ApiPath =
  /** `/api`, `/apis`. */
  | { readonly kind: 'groups'; readonly legacy: boolean }
  /** `/apis/apps`. */
  | { readonly kind: 'group'; readonly group: string }
  /** `/api/v1`, `/apis/apps/v1`. */
  | { readonly kind: 'version'; readonly group: string; readonly version: string }
  | {
      readonly kind: 'resource';
      readonly served: ServedType;
      /** Empty where the path names none. */
      readonly namespace: string;
      readonly name: string;
      readonly subresource: string;
    }
  | { readonly kind: 'unknown' };

const unknown: ApiPath = { kind: 'unknown' };

/** Takes a path apart; resources that are not served are `unknown`. */
export function parseApiPath(path: string, types: TypeRegistry): ApiPath {
  const segments = decodeSegments(path);
  if (segments === undefined) return unknown;
  const [root, ...rest] = segments;
  if (root === 'api') {
    if (rest.length === 0) return { kind: 'groups', legacy: true };
    return parseVersion('', rest, types);
  }
  if (root !== 'apis') return unknown;
  const [group, ...below] = rest;
  if (group === undefined) return { kind: 'groups', legacy: false };
  if (below.length === 0) return { kind: 'group', group };
  return parseVersion(group, below, types);
}

function decodeSegments(path: string): string[] | undefined {
  const segments = path.split('/').slice(1);
  if (segments.at(-1) === '') segments.pop();
  try {
    return segments.map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

function parseVersion(group: string, segments: readonly string[], types: TypeRegistry): ApiPath {
  const [version = '', ...rest] = segments;
  if (rest.length === 0) return { kind: 'version', group, version };
  let namespace = '';
  let below = rest;
  // `namespaces/NS/status` is the namespace itself, `namespaces/NS/pods` what is in it.
  if (rest[0] === 'namespaces' && rest.length > 2) {
    const inner = types.find(group, version, rest[2] ?? '');
    if (inner !== undefined || group !== '') {
      namespace = rest[1] ?? '';
      below = rest.slice(2);
    }
  }
  const [plural = '', name = '', ...sub] = below;
  const served = types.find(group, version, plural);
  // Below `proxy` the path is another server's.
  if (served === undefined || (sub.length > 1 && sub[0] !== 'proxy')) return unknown;
  if (namespace !== '' && !served.type.namespaced) return unknown;
  if (served.type.namespaced && name !== '' && namespace === '') return unknown;
  return { kind: 'resource', served, namespace, name, subresource: sub[0] ?? '' };
}
