import { query, type View } from '../engine/query.ts';
import { byAge, compareText } from './config-object.ts';
import { serviceId, type Service } from './service.ts';
import { serviceOfEntry } from './service-entry.ts';
import { settingsOf } from './settings.ts';
import {
  serviceEntries,
  serviceEntriesByHost,
  serviceEntriesById,
  services,
  servicesByHost,
} from './tables.ts';

/** True where something exported to these namespaces is seen from `namespace`. */
export function isExportedTo(exportTo: readonly string[], owner: string, namespace: string): boolean {
  return exportTo.some(
    (target) => target === '*' || target === namespace || (target === '.' && owner === namespace),
  );
}

/**
 * A service by its id (`namespace/hostname`), from a platform or from ServiceEntries.
 *
 * A platform's own service wins; of several entries for one host in one namespace, the oldest wins.
 */
export const service = query('service', (view, id: string): Service | undefined => {
  const own = view.row(services, id);
  if (own !== undefined) return own;
  const hostname = id.slice(id.indexOf('/') + 1);
  const entries = view
    .keysBy(serviceEntriesById, id)
    .flatMap((key) => view.row(serviceEntries, key) ?? [])
    .sort(byAge);
  const first = entries[0];
  if (first === undefined) return undefined;
  return serviceOfEntry(first, hostname, settingsOf(view).defaultServiceExportTo);
});

/** What decides who sees a service; changes far more seldom than the service. */
const visibility = query('service.visibility', (view, id: string) => {
  const found = view.get(service, id);
  if (found === undefined) return undefined;
  const { hostname, namespace, exportTo, createdMs, origin } = found;
  return { hostname, namespace, exportTo, createdMs, origin };
});

/** Hosts of an entry, apart from all else in it. */
const entryIds = query('serviceEntry.ids', (view, key: string) => {
  const entry = view.row(serviceEntries, key);
  return (entry?.spec.hosts ?? []).map((hostname) =>
    serviceId({ namespace: entry?.namespace ?? '', hostname }),
  );
});

const allServiceIds = query('serviceIds', (view) => {
  const ids = new Set(view.keys(services));
  for (const key of view.keys(serviceEntries)) for (const id of view.get(entryIds, key)) ids.add(id);
  return [...ids].sort();
});

type Candidate = NonNullable<ReturnType<typeof visibility.run>>;

/** Of two services for one host: the one of the looking namespace, then the platform's, then the older. */
function preferred(a: Candidate, b: Candidate, namespace: string): number {
  const rank = (c: Candidate): number => (c.namespace === namespace ? 0 : c.origin === 'kubernetes' ? 1 : 2);
  return rank(a) - rank(b) || a.createdMs - b.createdMs || compareText(a.namespace, b.namespace);
}

/** Ids of the services that a namespace sees, one for each host, sorted by host. */
export const visibleServiceIds = query('visibleServices', (view, namespace: string): readonly string[] => {
  const byHost = new Map<string, Candidate>();
  for (const id of view.get(allServiceIds, 'all')) {
    const candidate = view.get(visibility, id);
    if (candidate === undefined || !isExportedTo(candidate.exportTo, candidate.namespace, namespace))
      continue;
    const rival = byHost.get(candidate.hostname);
    if (rival === undefined || preferred(candidate, rival, namespace) < 0) {
      byHost.set(candidate.hostname, candidate);
    }
  }
  return [...byHost.keys()].sort().map((hostname) => serviceId(byHost.get(hostname) as Candidate));
});

/** The service that a namespace means by a full host name; wildcard services do not count. */
export const serviceSeenFrom = query(
  'serviceSeenFrom',
  (view, key: { readonly namespace: string; readonly hostname: string }): Service | undefined => {
    const ids = new Set<string>(view.keysBy(servicesByHost, key.hostname));
    for (const entry of view.keysBy(serviceEntriesByHost, key.hostname)) {
      for (const id of view.get(entryIds, entry)) if (id.endsWith(`/${key.hostname}`)) ids.add(id);
    }
    let best: Candidate | undefined;
    for (const id of ids) {
      const candidate = view.get(visibility, id);
      if (candidate === undefined) continue;
      if (!isExportedTo(candidate.exportTo, candidate.namespace, key.namespace)) continue;
      if (best === undefined || preferred(candidate, best, key.namespace) < 0) best = candidate;
    }
    return best === undefined ? undefined : view.get(service, serviceId(best));
  },
  { keyText: (key) => `${key.namespace}/${key.hostname}` },
);

/** The services that a namespace sees. */
export function visibleServices(view: View, namespace: string): Service[] {
  return view.get(visibleServiceIds, namespace).flatMap((id) => view.get(service, id) ?? []);
}
