import { isTls } from '@lateen/config';
import { Listener, type FilterChain } from '@lateen/protocol/envoy/config/listener/v3';
import { query, type View } from '../../engine/query.ts';
import {
  boundServers,
  edgeText,
  hostsOf,
  isPlainHttp,
  type BoundServer,
  type EdgeProxies,
} from '../../model/gateway-servers.ts';
import type { GatewayTopology } from '../../model/gateway-topology.ts';
import type { MeshSettings } from '../../model/mesh-settings.ts';
import type { SecurityPolicies } from '../../model/security-policies.ts';
import { settingsOf } from '../../model/settings.ts';
import { socketAddress } from '../address.ts';
import { encodeResource, sameResources, type EncodedResource } from '../resource.ts';
import { httpRoutesName, httpsRoutesName, rulesOfGateway, sharedHosts } from '../route/gateway.ts';
import { gatewayServerSocket } from '../secret/gateway-tls.ts';
import { securityFilters, type SecurityFilters } from '../security/security-filters.ts';
import { prefixRanges, withoutOverlap } from './filter-chain-match.ts';
import { inspectionFields, proxyHeader, tlsInspector } from './listener-filter.ts';
import { httpConnectionManager, tcpFilters } from './network-filter.ts';
import { tcpChains, tlsChains, type TcpChain } from './tcp-route.ts';

/** The chains of connections that are passed on as they are. */
function passedOn(
  view: View,
  edge: EdgeProxies,
  bound: BoundServer,
  mesh: MeshSettings,
  security: SecurityFilters,
): FilterChain[] {
  const encrypted = isTls(bound.protocol) && passesTls(bound);
  return rulesOfGateway(view, edge.scope, bound.gateway).flatMap((rule) => {
    if (sharedHosts(rule, bound).length === 0) return [];
    const place = {
      scope: edge.scope,
      gateways: new Set([bound.gateway]),
      listenPort: bound.server.port.number,
    };
    const chains = encrypted ? tlsChains(view, rule, place) : tcpChains(view, rule, place);
    return chains.map((chain) => filterChain(chain, mesh, security));
  });
}

/** The chains of a server whose TLS ends at the gateway; none where it does not say with what. */
function ended(
  view: View,
  edge: GuardedEdge,
  bound: BoundServer,
  mesh: MeshSettings,
  security: SecurityFilters,
): FilterChain[] {
  const http = bound.protocol === 'https';
  const socket = gatewayServerSocket(bound.server.tls ?? {}, http ? 'http' : 'tcp', mesh.trustDomain);
  if (socket === undefined) return [];
  const hosts = hostsOf(bound).map(({ host }) => host);
  const match = hosts.includes('*') ? {} : { serverNames: [...new Set(hosts)].sort() };
  if (http) {
    const filters = [
      httpConnectionManager({
        statPrefix: `outbound_0.0.0.0_${bound.listenPort}`,
        routes: { rds: httpsRoutesName(bound) },
        direction: 'gateway',
        mesh,
        security: security.http,
        topology: edge.topology,
      }),
    ];
    return [{ filterChainMatch: match, transportSocket: socket, filters }];
  }
  return passedOn(view, edge, bound, mesh, security).map((chain) => ({
    ...chain,
    filterChainMatch: { ...chain.filterChainMatch, ...match },
    transportSocket: socket,
  }));
}

function filterChain(chain: TcpChain, mesh: MeshSettings, security: SecurityFilters): FilterChain {
  return {
    filterChainMatch: {
      ...(chain.serverNames.length === 0 ? {} : { serverNames: chain.serverNames }),
      ...(chain.destinationSubnets.length === 0
        ? {}
        : { prefixRanges: prefixRanges(chain.destinationSubnets) }),
    },
    filters: [...security.network, ...tcpFilters(chain, mesh)],
  };
}

/** True where TLS is not ended at the gateway. */
function passesTls({ server, protocol }: BoundServer): boolean {
  const mode = server.tls?.mode;
  return isTls(protocol) && (mode === undefined || mode === 'PASSTHROUGH' || mode === 'AUTO_PASSTHROUGH');
}

/** Proxies at the edge, with who may ask them for what. */
export interface GuardedEdge extends EdgeProxies {
  readonly security: SecurityPolicies;
  readonly topology: GatewayTopology;
}

export function guardedEdgeText(edge: GuardedEdge): string {
  return `${edgeText(edge)} ${JSON.stringify([edge.security, edge.topology])}`;
}

/** The listeners of proxies at the edge. */
export const gatewayListeners = query(
  'listeners.gateway',
  (view, edge: GuardedEdge): readonly EncodedResource[] => {
    const mesh = settingsOf(view);
    const security = view.get(securityFilters, { ...edge.security, atGateway: true });
    const byPort = new Map<number, BoundServer[]>();
    for (const bound of view.get(boundServers, edge)) {
      const others = byPort.get(bound.listenPort);
      if (others === undefined) byPort.set(bound.listenPort, [bound]);
      else others.push(bound);
    }
    return [...byPort.keys()]
      .sort((a, b) => a - b)
      .flatMap((port) => {
        const servers = byPort.get(port) ?? [];
        const name = `0.0.0.0_${port}`;
        const chains: FilterChain[] = [];
        if (servers.some(isPlainHttp)) {
          chains.push({
            filters: [
              httpConnectionManager({
                statPrefix: `outbound_${name}`,
                routes: { rds: httpRoutesName(port) },
                direction: 'gateway',
                mesh,
                security: security.http,
                topology: edge.topology,
              }),
            ],
          });
        }
        let inspects = false;
        for (const bound of servers) {
          if (isPlainHttp(bound)) continue;
          inspects ||= isTls(bound.protocol);
          if (isTls(bound.protocol) && !passesTls(bound)) {
            chains.push(...ended(view, edge, bound, mesh, security));
            continue;
          }
          // Plain connections cannot be told apart: the first server has them.
          if (!isTls(bound.protocol) && chains.length > 0) continue;
          chains.push(...passedOn(view, edge, bound, mesh, security));
        }
        if (chains.length === 0) return [];
        return encodeResource(Listener, name, {
          name,
          address: socketAddress('0.0.0.0', port),
          filterChains: withoutOverlap(chains),
          ...inspection(inspects, edge.topology, mesh),
          trafficDirection: 'OUTBOUND',
        });
      });
  },
  { keyText: guardedEdgeText, equal: sameResources },
);

/** What a listener reads before it knows whose a connection is: the PROXY header stands before all else. */
function inspection(
  inspects: boolean,
  { proxyProtocol = false }: GatewayTopology,
  mesh: MeshSettings,
): Partial<Listener> {
  const filters = [...(proxyProtocol ? [proxyHeader] : []), ...(inspects ? [tlsInspector()] : [])];
  return {
    ...(filters.length === 0 ? {} : { listenerFilters: filters }),
    ...(inspects ? inspectionFields(mesh) : {}),
  };
}
