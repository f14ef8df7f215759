import { fromJson } from '@lateen/protocol';
import { knownTypes } from '../decode/known-types.ts';
import { clusterDecoder, listenerDecoder, type ResourceDecoder } from '../decode/resource.ts';
import type { Cluster, Listener } from '../model/index.ts';
import type { DataPlane, DataPlaneOptions } from '../data-plane.ts';
import { portOf, startDataPlane, type Closers } from './harness.ts';

const types = 'type.googleapis.com/envoy.extensions';
export const filterTypes = `${types}.filters.http`;

/** The router, as Envoy's configuration has it. */
export const routerJson = {
  name: 'envoy.filters.http.router',
  typed_config: { '@type': `${filterTypes}.router.v3.Router` },
};

function decoded<M, T>(decoder: ResourceDecoder<M, T>, json: object): T {
  const message = fromJson(decoder.type, json, { registry: knownTypes });
  if (!message.ok) throw new Error(JSON.stringify(message.problems));
  const model = decoder.fromMessage(message.value);
  if (!model.ok) throw new Error(JSON.stringify(model.problems));
  return model.value.model;
}

/** A listener with a connection manager, written in Envoy's JSON; throws with the problems where it is refused. */
export function listenerFromJson(manager: object, chain: object = {}, listener: object = {}): Listener {
  return decoded(listenerDecoder, {
    name: 'main',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [
      {
        filters: [
          {
            name: 'envoy.filters.network.http_connection_manager',
            typed_config: {
              '@type': `${types}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
              stat_prefix: 'http',
              http_filters: [routerJson],
              ...manager,
            },
          },
        ],
        ...chain,
      },
    ],
    ...listener,
  });
}

/** A static cluster on ports of loopback, written in Envoy's JSON. */
export function clusterFromJson(name: string, ports: readonly number[], more: object = {}): Cluster {
  return decoded(clusterDecoder, {
    name,
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: ports.map((port) => ({
            endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
          })),
        },
      ],
    },
    ...more,
  });
}

/** Routes of one virtual host for every name. */
export function routesJson(routes: readonly object[], host: object = {}, table: object = {}): object {
  const hosts = [{ name: 'all', domains: ['*'], routes, ...host }];
  return { validate_clusters: false, virtual_hosts: hosts, ...table };
}

/** Serves a connection manager written in Envoy's JSON, as a user would configure it. */
export async function serveEnvoy(
  test: Closers,
  manager: object,
  clusters: readonly Cluster[],
  options: DataPlaneOptions = {},
  chain: object = {},
): Promise<{ readonly dataPlane: DataPlane; readonly port: number }> {
  const dataPlane = startDataPlane(test, options);
  const { refused } = await dataPlane.update({
    clusters: { set: clusters },
    listeners: { set: [listenerFromJson(manager, chain)] },
  });
  if (refused.length > 0) throw new Error(JSON.stringify(refused));
  return { dataPlane, port: portOf(dataPlane) };
}
