import { query, type View } from '../engine/query.ts';
import { byAge, type Sidecar } from './config-object.ts';
import { flattenedRoutes } from './delegation.ts';
import { covers, resolveHost } from './hostname.ts';
import { selects } from './labels.ts';
import { isExportedTo, serviceSeenFrom, visibleServiceIds } from './registry.ts';
import { scopeText, type Scope } from './scope.ts';
import { serviceId } from './service.ts';
import { settingsOf } from './settings.ts';
import { sidecars, sidecarsByNamespace, virtualServices, virtualServicesByGateway } from './tables.ts';

/**
 * The Sidecar object that holds for the workloads of a scope; undefined where there is none.
 *
 * One that selects the workload comes before one for its whole namespace, and that before one for the
 * mesh, in the root namespace; of equals the oldest (Istio, "Sidecar").
 */
export const sidecarOf = query(
  'sidecar',
  (view, scope: Scope): Sidecar | undefined => {
    if (scope.kind !== 'sidecar') return undefined;
    const { rootNamespace } = settingsOf(view);
    const of = (namespace: string): Sidecar[] =>
      view
        .keysBy(sidecarsByNamespace, namespace)
        .flatMap((key) => view.row(sidecars, key) ?? [])
        .sort(byAge);
    const own = of(scope.namespace);
    const selecting = own.find(
      ({ spec }) =>
        spec.workloadSelector !== undefined && selects(spec.workloadSelector.labels, scope.labels),
    );
    const general = (list: readonly Sidecar[]): Sidecar | undefined =>
      list.find(({ spec }) => spec.workloadSelector === undefined);
    return selecting ?? general(own) ?? general(of(rootNamespace));
  },
  { keyText: scopeText },
);

/** A host that a Sidecar lets its workloads use. */
interface ImportedHost {
  /** `*` for any. */
  readonly namespace: string;
  readonly host: string;
}

/** What the workloads of a scope may use: undefined for everything that they see. */
const importedHosts = query(
  'sidecar.hosts',
  (view, scope: Scope): readonly ImportedHost[] | undefined => {
    const egress = view.get(sidecarOf, scope)?.spec.egress;
    if (egress === undefined || egress.length === 0) return undefined;
    return egress
      .flatMap((listener) => listener.hosts)
      .flatMap((text): ImportedHost[] => {
        const slash = text.indexOf('/');
        const namespace = slash === -1 ? '*' : text.slice(0, slash);
        if (namespace === '~') return [];
        const own = namespace === '.' ? scope.namespace : namespace;
        return [{ namespace: own, host: text.slice(slash + 1) }];
      });
  },
  { keyText: scopeText },
);

/** True where the workloads of a scope may use a host of a namespace. */
export function isImported(view: View, scope: Scope, namespace: string, host: string): boolean {
  const hosts = view.get(importedHosts, scope);
  if (hosts === undefined) return true;
  return hosts.some(
    (imported) =>
      (imported.namespace === '*' || imported.namespace === namespace) && covers(imported.host, host),
  );
}

/** Where the rules of a VirtualService lead, apart from all else in it. */
const destinationsOf = query('virtualService.destinations', (view, key: string): readonly string[] => {
  const rule = view.row(virtualServices, key);
  if (rule === undefined) return [];
  const { domain } = settingsOf(view);
  const { tcp = [], tls = [] } = rule.spec;
  const hosts = [...tcp, ...tls]
    .flatMap((route) => route.route ?? [])
    .map((entry) => resolveHost(entry.destination.host, rule.namespace, domain));
  for (const { route, owner } of flattenedRoutes(view, rule)) {
    const destinations = [
      ...(route.route ?? []).map((entry) => entry.destination),
      ...(route.mirror === undefined ? [] : [route.mirror]),
      ...(route.mirrors ?? []).map((mirror) => mirror.destination),
    ];
    for (const { host } of destinations) hosts.push(resolveHost(host, owner.namespace, domain));
  }
  return [...new Set(hosts)];
});

const hostsOfRule = query('virtualService.hosts', (view, key: string) => {
  const rule = view.row(virtualServices, key);
  return { namespace: rule?.namespace ?? '', hosts: rule?.hosts ?? [], exportTo: rule?.spec.exportTo };
});

/**
 * Ids of the services that a scope is told about, one for each host, sorted by host: what its namespace
 * sees, less what a Sidecar leaves out, and what the rules of the rest lead to.
 */
export const scopedServiceIds = query(
  'scope.services',
  (view, scope: Scope): readonly string[] => {
    const visible = view.get(visibleServiceIds, scope.namespace);
    if (view.get(importedHosts, scope) === undefined) return visible;
    const kept = new Set(
      visible.filter((id) => {
        const slash = id.indexOf('/');
        return isImported(view, scope, id.slice(0, slash), id.slice(slash + 1));
      }),
    );
    const { defaultVirtualServiceExportTo } = settingsOf(view);
    for (const key of view.keysBy(virtualServicesByGateway, 'mesh')) {
      const { namespace, hosts, exportTo } = view.get(hostsOfRule, key);
      if (!isExportedTo(exportTo ?? defaultVirtualServiceExportTo, namespace, scope.namespace)) continue;
      if (!hosts.some((host) => isImported(view, scope, namespace, host))) continue;
      for (const hostname of view.get(destinationsOf, key)) {
        const found = view.get(serviceSeenFrom, { namespace: scope.namespace, hostname });
        if (found !== undefined) kept.add(serviceId(found));
      }
    }
    return visible.filter((id) => kept.has(id));
  },
  { keyText: scopeText },
);

/** What happens to traffic of a scope to hosts that it is not told about. */
export const outboundPolicyOf = query(
  'scope.outboundPolicy',
  (view, scope: Scope): 'ALLOW_ANY' | 'REGISTRY_ONLY' =>
    view.get(sidecarOf, scope)?.spec.outboundTrafficPolicy?.mode ?? settingsOf(view).outboundTrafficPolicy,
  { keyText: scopeText },
);
