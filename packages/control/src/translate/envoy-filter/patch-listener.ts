import { anyIs, decode, packAny } from '@lateen/protocol';
import { Filter, FilterChain, Listener, ListenerFilter } from '@lateen/protocol/envoy/config/listener/v3';
import type { RouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import {
  HttpConnectionManager,
  HttpFilter,
} from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import type { EnvoyFilterPatch } from '../../model/envoy-filter.ts';
import { editList } from './edit-list.ts';
import { mergeMessage } from './merge-message.ts';
import { patchRoutes } from './patch-routes.ts';

/** A listener after a patch; undefined where the patch removes it. */
export function patchListener(listener: Listener, patch: EnvoyFilterPatch): Listener | undefined {
  const wanted = patch.match.listener;
  // What is captured of all ports is told apart by its chains.
  const isCaptured = listener.name === 'virtualInbound' || listener.name === 'virtualOutbound';
  if (wanted?.name !== undefined && wanted.name !== listener.name) return listener;
  if (wanted?.portNumber !== undefined && !isCaptured && wanted.portNumber !== portOf(listener))
    return listener;
  switch (patch.applyTo) {
    case 'LISTENER':
      if (isCaptured && wanted?.portNumber !== undefined && wanted.portNumber !== portOf(listener))
        return listener;
      if (patch.operation === 'REMOVE') return undefined;
      if (patch.operation !== 'MERGE') return listener;
      return mergeMessage(Listener, listener, patch.value as Listener, patch.registry);
    case 'LISTENER_FILTER': {
      const name = wanted?.listenerFilter;
      const isMeant = (one: ListenerFilter): boolean => name === undefined || one.name === name;
      const edit = { type: ListenerFilter, isMeant, isNamed: name !== undefined, needsName: true };
      return { ...listener, listenerFilters: editList(listener.listenerFilters ?? [], patch, edit) };
    }
    case 'FILTER_CHAIN': {
      const isMeant = (one: FilterChain): boolean => isMeantChain(one, patch, isCaptured);
      const edit = { type: FilterChain, isMeant, isNamed: wanted !== undefined };
      return { ...listener, filterChains: editList(listener.filterChains ?? [], patch, edit) };
    }
    default:
      return eachChain(listener, (chain) =>
        isMeantChain(chain, patch, isCaptured) ? patchChain(chain, patch) : chain,
      );
  }
}

function portOf(listener: Listener): number | undefined {
  return listener.address?.socketAddress?.portValue;
}

function eachChain(listener: Listener, change: (chain: FilterChain) => FilterChain): Listener {
  const { filterChains, defaultFilterChain } = listener;
  return {
    ...listener,
    ...(filterChains === undefined ? {} : { filterChains: filterChains.map(change) }),
    ...(defaultFilterChain === undefined ? {} : { defaultFilterChain: change(defaultFilterChain) }),
  };
}

function isMeantChain(chain: FilterChain, { match }: EnvoyFilterPatch, isCaptured: boolean): boolean {
  const { filterChain: wanted, portNumber } = match.listener ?? {};
  const has = chain.filterChainMatch;
  if (isCaptured && portNumber !== undefined && has?.destinationPort !== portNumber) return false;
  if (wanted === undefined) return true;
  const applications = (wanted.applicationProtocols ?? '').split(',').filter((one) => one !== '');
  return (
    (wanted.name === undefined || wanted.name === chain.name) &&
    (wanted.sni === undefined || (has?.serverNames ?? []).includes(wanted.sni)) &&
    (wanted.transportProtocol === undefined || wanted.transportProtocol === has?.transportProtocol) &&
    (wanted.destinationPort === undefined || wanted.destinationPort === has?.destinationPort) &&
    applications.every((one) => (has?.applicationProtocols ?? []).includes(one))
  );
}

const isTerminal = ({ name = '' }: Filter): boolean =>
  /(^|[._])(http_connection_manager|tcp_proxy)$/.test(name);
const isRouter = ({ typedConfig, name }: HttpFilter): boolean =>
  name === 'envoy.filters.http.router' || typedConfig?.typeUrl.endsWith('.router.v3.Router') === true;

function patchChain(chain: FilterChain, patch: EnvoyFilterPatch): FilterChain {
  const name = patch.match.listener?.filterChain?.filter?.name;
  const isMeant = (filter: Filter): boolean => name === undefined || filter.name === name;
  if (patch.applyTo === 'NETWORK_FILTER') {
    const isNamed = name !== undefined;
    const edit = { type: Filter, isMeant, isNamed, needsName: true, isLast: isTerminal };
    return { ...chain, filters: editList(chain.filters ?? [], patch, edit) };
  }
  const filters = (chain.filters ?? []).map((filter) => {
    const config = filter.typedConfig;
    if (config === undefined || !isMeant(filter) || !anyIs(config, HttpConnectionManager)) return filter;
    const manager = decode(HttpConnectionManager, config.value);
    if (!manager.ok) return filter;
    return {
      ...filter,
      typedConfig: packAny(HttpConnectionManager, patchManager(manager.value, chain, patch)),
    };
  });
  return { ...chain, filters };
}

/** `inbound|9080||` is of the port 9080. */
function inboundPort({ name = '' }: RouteConfiguration, chain: FilterChain): number {
  const [, port] = name.split('|');
  return port === undefined ? (chain.filterChainMatch?.destinationPort ?? 0) : Number(port);
}

/** The filters of a connection manager, or the routes within it, after a patch. */
function patchManager(
  manager: HttpConnectionManager,
  chain: FilterChain,
  patch: EnvoyFilterPatch,
): HttpConnectionManager {
  if (patch.applyTo === 'HTTP_FILTER') {
    const name = patch.match.listener?.filterChain?.filter?.subFilter?.name;
    const isMeant = (filter: HttpFilter): boolean => name === undefined || filter.name === name;
    const isNamed = name !== undefined;
    const edit = { type: HttpFilter, isMeant, isNamed, needsName: true, isLast: isRouter };
    return { ...manager, httpFilters: editList(manager.httpFilters ?? [], patch, edit) };
  }
  const { routeConfig } = manager;
  if (routeConfig === undefined) return manager;
  return {
    ...manager,
    routeConfig: patchRoutes(routeConfig, patch, { ports: [inboundPort(routeConfig, chain)] }),
  };
}
