import { isHttp, isTls } from '@lateen/config';
import { Listener, type FilterChain } from '@lateen/protocol/envoy/config/listener/v3';
import { query, type View } from '../../engine/query.ts';
import { compareText } from '../../model/config-object.ts';
import { endpointsOf } from '../../model/endpoints.ts';
import { service } from '../../model/registry.ts';
import { outboundPolicyOf, scopedServiceIds } from '../../model/sidecar-scope.ts';
import { scopeText, type Scope } from '../../model/scope.ts';
import type { Service, ServicePort } from '../../model/service.ts';
import { settingsOf } from '../../model/settings.ts';
import { meshVirtualService } from '../../model/traffic-rules.ts';
import { socketAddress } from '../address.ts';
import { blackHoleCluster, passthroughCluster } from '../cluster-name.ts';
import { encodeResource, sameResource, sameResources, type EncodedResource } from '../resource.ts';
import type { RoutePlace } from '../route/http-route.ts';
import { prefixRanges, withoutOverlap } from './filter-chain-match.ts';
import { httpInspector, inspectionFields, plainHttp, tlsInspector } from './listener-filter.ts';
import { httpConnectionManager, tcpFilters, toCluster } from './network-filter.ts';
import { tcpChains, tlsChains, toHost, type TcpChain } from './tcp-route.ts';

const anyAddress = '0.0.0.0';
const meshGateways: ReadonlySet<string> = new Set(['mesh']);

/** What one service asks of the listener at an address and port. */
interface Binding {
  readonly address: string;
  readonly port: number;
  /** Name of the routes, where HTTP may come. */
  readonly routes: string | undefined;
  /** Chains for what is not HTTP, those with conditions first. */
  readonly chains: readonly TcpChain[];
  readonly createdMs: number;
  readonly hostname: string;
}

/** The bindings of one service in a scope. */
const serviceBindings = query(
  'listeners.bindings',
  (view, key: { readonly scope: Scope; readonly serviceId: string }): readonly Binding[] => {
    const found = view.get(service, key.serviceId);
    if (found === undefined) return [];
    return found.ports.flatMap((port) => bindingsOf(view, key.scope, key.serviceId, found, port));
  },
  { keyText: (key) => `${scopeText(key.scope)} ${key.serviceId}` },
);

function bindingsOf(
  view: View,
  scope: Scope,
  id: string,
  of: Service,
  port: ServicePort,
): readonly Binding[] {
  if (port.protocol === 'udp') return [];
  const at = (address: string, more: Pick<Binding, 'routes' | 'chains'>): Binding => ({
    address,
    port: port.port,
    createdMs: of.createdMs,
    hostname: of.hostname,
    ...more,
  });
  // HTTP services share one listener: the host says which is meant.
  if (isHttp(port.protocol)) return [at(anyAddress, { routes: String(port.port), chains: [] })];
  const chains = chainsOf(view, scope, of, port);
  const single = of.addresses.filter((address) => !address.includes('/'));
  const blocks = of.addresses.filter((address) => address.includes('/'));
  if (of.addresses.length === 0 && of.origin === 'kubernetes' && of.resolution === 'passthrough') {
    // A headless service is called by the addresses of its endpoints.
    return view
      .get(endpointsOf, id)
      .filter((endpoint) => endpoint.readiness === 'ready')
      .flatMap((endpoint) => {
        const target = endpoint.ports[port.name];
        if (target === undefined) return [];
        return { ...at(endpoint.address, { routes: undefined, chains }), port: target };
      });
  }
  const routes = port.protocol === 'auto' ? `${of.hostname}:${port.port}` : undefined;
  if (of.addresses.length === 0) {
    const named = isTls(port.protocol) && of.origin === 'serviceEntry';
    const shared = named ? chains.map((chain) => withServerNames(chain, of.hostname)) : chains;
    return [
      at(anyAddress, { routes: port.protocol === 'auto' ? String(port.port) : undefined, chains: shared }),
    ];
  }
  return [
    ...single.map((address) => at(address, { routes, chains })),
    ...(blocks.length === 0
      ? []
      : [
          at(anyAddress, {
            routes: undefined,
            chains: chains.map((chain) => ({ ...chain, destinationSubnets: blocks })),
          }),
        ]),
  ];
}

/** Among services that share an address, TLS is told apart by the server name. */
function withServerNames(chain: TcpChain, hostname: string): TcpChain {
  return chain.serverNames.length > 0 || hostname === '*' ? chain : { ...chain, serverNames: [hostname] };
}

function chainsOf(view: View, scope: Scope, of: Service, port: ServicePort): TcpChain[] {
  const place: RoutePlace = { scope, gateways: meshGateways, listenPort: port.port };
  const rule = view.get(meshVirtualService, { scope, hostname: of.hostname });
  const ruled =
    rule === undefined
      ? []
      : [
          ...tlsChains(view, rule, place),
          ...tcpChains(view, rule, place).map((chain) => ({ ...chain, protocol: port.protocol })),
        ];
  if (ruled.some((chain) => chain.serverNames.length === 0 && chain.destinationSubnets.length === 0)) {
    return ruled;
  }
  const passed = toHost(view, scope, of.hostname, port.port);
  return [...ruled, { serverNames: [], destinationSubnets: [], ...passed, protocol: port.protocol }];
}

/** What all services together ask of one listener: plain data, equal for all scopes that see the same. */
interface Merged {
  readonly address: string;
  readonly port: number;
  readonly routes: readonly string[];
  readonly chains: readonly TcpChain[];
}

function merge(bindings: readonly Binding[]): Merged[] {
  const byPlace = new Map<string, Binding[]>();
  for (const binding of bindings) {
    const name = `${binding.address}_${binding.port}`;
    const others = byPlace.get(name);
    if (others === undefined) byPlace.set(name, [binding]);
    else others.push(binding);
  }
  return [...byPlace.keys()].sort().map((name) => {
    // Where two services want the same connections, the older one gets them.
    const group = (byPlace.get(name) ?? []).toSorted(
      (a, b) => a.createdMs - b.createdMs || compareText(a.hostname, b.hostname),
    );
    const [first] = group as [Binding];
    const routes = [...new Set(group.flatMap((binding) => binding.routes ?? []))];
    const chains = new Map<string, TcpChain>();
    for (const chain of group.flatMap((binding) => binding.chains)) {
      const condition = JSON.stringify([chain.serverNames, chain.destinationSubnets]);
      if (!chains.has(condition)) chains.set(condition, chain);
    }
    return { address: first.address, port: first.port, routes, chains: [...chains.values()] };
  });
}

const outboundListener = query(
  'listeners.outboundOne',
  (view, key: Merged): EncodedResource => {
    const mesh = settingsOf(view);
    const name = `${key.address}_${key.port}`;
    const [routes] = key.routes;
    const http: FilterChain[] =
      routes === undefined
        ? []
        : [
            {
              filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: plainHttp },
              filters: [
                httpConnectionManager({
                  statPrefix: `outbound_${name}`,
                  routes: { rds: routes },
                  direction: 'outbound',
                  mesh,
                }),
              ],
            },
          ];
    const conditional = key.chains.filter(
      (chain) => chain.serverNames.length > 0 || chain.destinationSubnets.length > 0,
    );
    const unconditional = key.chains.find((chain) => !conditional.includes(chain));
    const fallback =
      unconditional ?? (conditional.length > 0 || routes !== undefined ? passthroughChain : undefined);
    const usesTls = conditional.some((chain) => chain.serverNames.length > 0);
    return encodeResource(Listener, name, {
      name,
      address: socketAddress(key.address, key.port),
      filterChains: withoutOverlap([
        ...conditional.map((chain) => ({
          filterChainMatch: {
            ...(chain.serverNames.length === 0 ? {} : { serverNames: chain.serverNames }),
            ...(chain.destinationSubnets.length === 0
              ? {}
              : { prefixRanges: prefixRanges(chain.destinationSubnets) }),
          },
          filters: tcpFilters(chain, mesh),
        })),
        ...http,
      ]),
      ...(fallback === undefined
        ? {}
        : {
            defaultFilterChain: {
              filterChainMatch: {},
              filters: tcpFilters(fallback, mesh),
              ...(fallback === passthroughChain ? { name: 'PassthroughFilterChain' } : {}),
            },
          }),
      ...(http.length > 0
        ? { listenerFilters: [tlsInspector(), httpInspector()], ...inspectionFields(mesh) }
        : usesTls
          ? { listenerFilters: [tlsInspector()], ...inspectionFields(mesh) }
          : {}),
      trafficDirection: 'OUTBOUND',
      bindToPort: false,
    });
  },
  { equal: sameResource },
);

const passthroughChain: TcpChain = {
  serverNames: [],
  destinationSubnets: [],
  ...toCluster(passthroughCluster),
};

/** The listener that the captured outbound connections of a workload come to. */
const virtualOutbound = query(
  'listeners.virtualOutbound',
  (view, policy: 'ALLOW_ANY' | 'REGISTRY_ONLY'): EncodedResource => {
    const mesh = settingsOf(view);
    const rest = policy === 'ALLOW_ANY' ? passthroughCluster : blackHoleCluster;
    return encodeResource(Listener, 'virtualOutbound', {
      name: 'virtualOutbound',
      address: socketAddress(anyAddress, 15_001),
      filterChains: [
        {
          // A connection made to the port itself would come back to it for ever.
          filterChainMatch: { destinationPort: 15_001 },
          filters: tcpFilters(toCluster(blackHoleCluster), mesh),
          name: 'virtualOutbound-blackhole',
        },
        {
          filters: tcpFilters(toCluster(rest), mesh),
          name: 'virtualOutbound-catchall-tcp',
        },
      ],
      useOriginalDst: true,
      trafficDirection: 'OUTBOUND',
    });
  },
  { equal: sameResource },
);

/** The outbound listeners of a scope. */
export const outboundListeners = query(
  'listeners.outbound',
  (view, scope: Scope): readonly EncodedResource[] => {
    const bindings = view
      .get(scopedServiceIds, scope)
      .flatMap((serviceId) => view.get(serviceBindings, { scope, serviceId }));
    return [
      view.get(virtualOutbound, view.get(outboundPolicyOf, scope)),
      ...merge(bindings).map((merged) => view.get(outboundListener, merged)),
    ];
  },
  { keyText: scopeText, equal: sameResources },
);
