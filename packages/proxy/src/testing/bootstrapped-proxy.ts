import { silentLogger, systemClock } from '@lateen/core';
import { decodeBootstrap } from '../bootstrap/bootstrap.ts';
import { startProxy, type RunningProxy, type RunningProxyOptions } from '../bootstrap/running-proxy.ts';
import { createDataPlane } from '../create-data-plane.ts';
import type { DataPlane } from '../data-plane.ts';
import type { Closers } from './harness.ts';

const types = 'type.googleapis.com/envoy.extensions.filters';

/** The stream of all kinds as a source; what comes by it is waited for without end. */
export const adsSource = { ads: {}, initial_fetch_timeout: '0s' };

/** The stream of all kinds, as a delta stream of a static cluster. */
export function deltaAds(cluster: string): object {
  return { api_type: 'DELTA_GRPC', grpc_services: [{ envoy_grpc: { cluster_name: cluster } }] };
}

/** A cluster of one port of loopback, in Envoy's JSON. */
export function loopbackCluster(name: string, port: number) {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } };
  return {
    name,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  };
}

/** The listener `main` on a free port of loopback, whose route table `routes` comes from `source`. */
export function discoveredRoutesListener(source: unknown, filters: readonly object[] = []) {
  const router = { name: 'router', typed_config: { '@type': `${types}.http.router.v3.Router` } };
  const manager = {
    '@type': `${types}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'main',
    rds: { config_source: source, route_config_name: 'routes' },
    http_filters: [...filters, router],
  };
  return {
    name: 'main',
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [{ filters: [{ name: 'hcm', typed_config: manager }] }],
  };
}

/** A proxy that a bootstrap describes, as it starts; it is closed at the end of the test. */
export interface BootstrappedProxy {
  readonly proxy: RunningProxy;
  readonly dataPlane: DataPlane;
  /** Resolves when everything that came first is in force. */
  readonly ready: Promise<void>;
}

/** Starts what a bootstrap in Envoy's JSON describes; throws with the problems where it is refused. */
export async function startBootstrapped(
  test: Closers,
  json: object,
  options: Partial<RunningProxyOptions> = {},
): Promise<BootstrappedProxy> {
  const decoded = decodeBootstrap(json);
  if (!decoded.ok) throw new Error(JSON.stringify(decoded.problems));
  const bootstrap = decoded.value;
  const dataPlane = options.dataPlane ?? createDataPlane({ runtime: bootstrap.runtime });
  const { promise: ready, resolve: onReady } = Promise.withResolvers<void>();
  const proxy = await startProxy({
    clock: systemClock,
    log: silentLogger,
    ...options,
    bootstrap,
    dataPlane,
    onReady,
  });
  test.after(() => proxy.close());
  return { proxy, dataPlane, ready };
}
