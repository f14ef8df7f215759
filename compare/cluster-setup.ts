import { httpBootstrap, socketAddress, type HttpSetup } from './bootstrap.ts';
import type { CompareCase, Ports, Setup } from './case.ts';
import { get } from './request.ts';

/** An endpoint; `more` is laid over it. */
export const hostAt = (port: number, more: object = {}): object => ({
  endpoint: { address: socketAddress(port) },
  ...more,
});

/** One that is placed by this text, whatever its port. */
export const keyed = (key: string, port: number, more: object = {}): object =>
  hostAt(port, { metadata: { filter_metadata: { 'envoy.lb': { hash_key: key } } }, ...more });

export const unhealthy = { health_status: 'UNHEALTHY' };
export const degraded = { health_status: 'DEGRADED' };

/** Endpoints that a subset knows by these values. */
export const withValues = (values: object): object => ({
  metadata: { filter_metadata: { 'envoy.lb': values } },
});

/** A cluster of these localities, laid under `more`; `policy` is that of the assignment. */
export interface ClusterSetup {
  readonly localities: readonly object[];
  readonly policy?: object;
  readonly more?: object;
}

/** A locality with its endpoints. */
export const locality = (endpoints: readonly object[], more: object = {}): object => ({
  lb_endpoints: endpoints,
  ...more,
});

/** Clusters by their names, each at the path of its name; `routes` come before. */
export function clustersSetup(
  name: string,
  clustersOf: (ports: Ports) => Readonly<Record<string, ClusterSetup>>,
  cases: readonly CompareCase[],
  http: (ports: Ports) => HttpSetup = () => ({}),
): Setup {
  return {
    name,
    bootstrap: httpBootstrap((ports) => {
      const clusters = Object.entries(clustersOf(ports));
      const more = http(ports);
      return {
        ...more,
        routes: [
          ...(more.routes ?? []),
          ...clusters.map(([cluster]) => ({ match: { path: `/${cluster}` }, route: { cluster } })),
        ],
        clusters: [
          ...(more.clusters ?? []),
          ...clusters.map(([cluster, { localities, policy, more: rest }]) => ({
            name: cluster,
            load_assignment: {
              cluster_name: cluster,
              endpoints: localities,
              ...(policy === undefined ? {} : { policy }),
            },
            ...rest,
          })),
        ],
      };
    }),
    cases,
  };
}

/** Requests one after another, on one connection. */
export const asks = (
  what: string,
  path: string,
  times: number,
  more: Partial<CompareCase> = {},
  ...lines: readonly string[]
): CompareCase => ({
  what,
  clients: [{ send: [get(path, ...lines).repeat(times)] }],
  quietMs: 400,
  ...more,
});
