import { meshView, type MeshView } from '@lateen/config';
import type { SourceObject } from '../mesh-source.ts';

/** Where a rule sends requests. */
export interface RuleDestination {
  readonly host: string;
  readonly subset: string | undefined;
  /** Percent of its rule; 100 where it is the only one. */
  readonly weight: number | undefined;
}

/** One rule of a VirtualService. */
export interface Rule {
  /** True where every request that reaches it matches. */
  readonly matchesAll: boolean;
  readonly destinations: readonly RuleDestination[];
}

/** Configuration as the graph reads it: hosts are full names. */
export interface MeshConfig {
  readonly view: MeshView;
  readonly rulesOf: ReadonlyMap<string, readonly Rule[]>;
}

/** The identity of an object within the console. */
export function configId(kind: string, namespace: string | undefined, name: string): string {
  return `${kind}/${namespace ?? ''}/${name}`;
}

/** The full name of a host: one without a dot is a service of the rule's own namespace. */
export function fullHost(host: string, namespace: string | undefined): string {
  return host.includes('.') || host === '*' ? host : `${host}.${namespace ?? 'default'}.svc.cluster.local`;
}

export function readMeshConfig(objects: readonly SourceObject[]): MeshConfig {
  const { view } = meshView(objects);
  const rulesOf = new Map<string, Rule[]>();
  for (const service of view.virtualServices) {
    const { namespace, name } = service.metadata;
    const { http = [], tls = [], tcp = [] } = service.spec;
    const rules = [...http, ...tls, ...tcp].map((rule): Rule => {
      const routes = rule.route ?? [];
      return {
        matchesAll: rule.match === undefined || rule.match.length === 0,
        destinations: routes.map(({ destination, weight }) => ({
          host: fullHost(destination.host, namespace),
          subset: destination.subset,
          weight: weight ?? (routes.length === 1 ? 100 : undefined),
        })),
      };
    });
    rulesOf.set(configId('VirtualService', namespace, name), rules);
  }
  return { view, rulesOf };
}
