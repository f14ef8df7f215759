import type { Problem } from '@lateen/core';
import { packAny } from '@lateen/protocol';
import type { Address } from '@lateen/protocol/envoy/config/core/v3';
import type { Filter, Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { HttpConnectionManager } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import { TcpProxy } from '@lateen/protocol/envoy/extensions/filters/network/tcp_proxy/v3';
import { clusterDecoder, extensionDecoder, listenerDecoder, routeDecoder } from '@lateen/proxy/decoders';
import type { AppliedPatch } from './applied-patch.ts';

const address: Address = { socketAddress: { address: '127.0.0.1', portValue: 1 } };
const tcpProxy: Filter = {
  name: 'tcp',
  typedConfig: packAny(TcpProxy, { statPrefix: 'tcp', cluster: 'any' }),
};

/** What Lateen's proxies refuse of what a patch adds, by paths within its value. What is merged is no whole, and not looked at. */
export function refusedAdditions({ applyTo, operation, value }: AppliedPatch): readonly Problem[] {
  if (operation === 'MERGE' || operation === 'REMOVE' || value === undefined) return [];
  switch (applyTo) {
    case 'CLUSTER':
      return problemsAt('', clusterDecoder.fromMessage(value));
    case 'EXTENSION_CONFIG':
      return problemsAt('', extensionDecoder.fromMessage(value));
    case 'LISTENER':
      return problemsAt('', listenerDecoder.fromMessage(value));
    case 'LISTENER_FILTER': {
      const filterChains = [{ filters: [tcpProxy] }];
      return ofListener('listener_filters[0]', { listenerFilters: [value], filterChains });
    }
    case 'FILTER_CHAIN':
      return ofListener('filter_chains[0]', { filterChains: [value] });
    case 'NETWORK_FILTER':
      return ofListener('filter_chains[0].filters[0]', { filterChains: [{ filters: [value] }] });
    case 'HTTP_FILTER': {
      const manager = { statPrefix: 'http', routeConfig: {}, httpFilters: [value] };
      const filter = { name: 'http', typedConfig: packAny(HttpConnectionManager, manager) };
      const place = 'filter_chains[0].filters[0].typed_config.http_filters[0]';
      return ofListener(place, { filterChains: [{ filters: [filter] }] });
    }
    case 'VIRTUAL_HOST': {
      const routes = routeDecoder.fromMessage({ name: 'any', virtualHosts: [value] });
      return problemsAt('virtual_hosts[0]', routes);
    }
    case 'HTTP_ROUTE': {
      const host = { name: 'any', domains: ['*'], routes: [value] };
      return problemsAt(
        'virtual_hosts[0].routes[0]',
        routeDecoder.fromMessage({ name: 'any', virtualHosts: [host] }),
      );
    }
    default:
      return [];
  }
}

function ofListener(place: string, listener: Listener): readonly Problem[] {
  return problemsAt(place, listenerDecoder.fromMessage({ name: 'any', address, ...listener }));
}

/** The problems below a place, whose paths go on from there; the rest is what was put around it. */
function problemsAt(
  place: string,
  result: { readonly ok: true } | { readonly ok: false; readonly problems: readonly Problem[] },
): readonly Problem[] {
  if (result.ok) return [];
  return result.problems
    .filter(({ path }) => path.startsWith(place))
    .map((problem) => ({ ...problem, path: problem.path.slice(place.length).replace(/^\./, '') }));
}
