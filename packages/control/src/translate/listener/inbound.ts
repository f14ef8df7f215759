import { isHttp, isHttp2 } from '@lateen/config';
import { Listener, type FilterChain, type FilterChainMatch } from '@lateen/protocol/envoy/config/listener/v3';
import { query } from '../../engine/query.ts';
import type { InboundPort } from '../../model/inbound.ts';
import type { MeshSettings } from '../../model/mesh-settings.ts';
import { modeOfPort, type MutualTlsMode, type MutualTlsModes } from '../../model/mutual-tls.ts';
import type { SecurityPolicies } from '../../model/security-policies.ts';
import { settingsOf } from '../../model/settings.ts';
import { socketAddress } from '../address.ts';
import { blackHoleCluster, inboundClusterName, inboundPassthroughCluster } from '../cluster-name.ts';
import { encodeResource, sameResource, type EncodedResource } from '../resource.ts';
import { inboundRoutes } from '../route/sidecar.ts';
import {
  acceptedMeshAlpn,
  acceptedMeshHttpAlpn,
  acceptedMeshTcpAlpn,
  meshServerSocket,
} from '../secret/tls-context.ts';
import { securityFilters, type SecurityFilters } from '../security/security-filters.ts';
import { httpInspector, inspectionFields, originalDst, plainHttp, tlsInspector } from './listener-filter.ts';
import { httpConnectionManager, tcpFilters, toCluster } from './network-filter.ts';

const capturePort = 15_006;

/** Where the connections of some chains lead, and what is known of what they carry. */
interface ChainTarget {
  readonly name: string;
  /** Port of the workload; undefined for all that have no chains of their own. */
  readonly destinationPort: number | undefined;
  readonly content: 'http' | 'tcp' | 'auto';
  readonly http: () => NonNullable<FilterChain['filters']>;
  readonly tcp: () => NonNullable<FilterChain['filters']>;
}

/**
 * The chains for connections to one place: plain ones, those within mutual TLS, or both.
 *
 * Within TLS the protocols that the client offered tell HTTP apart; without TLS the inspector does.
 */
function chainsOf(target: ChainTarget, mode: MutualTlsMode, mesh: MeshSettings): FilterChain[] {
  const { content, name } = target;
  const port: FilterChainMatch =
    target.destinationPort === undefined ? {} : { destinationPort: target.destinationPort };
  const chains: FilterChain[] = [];
  if (mode !== 'DISABLE') {
    const tls = (inner: 'http' | 'tcp', applicationProtocols: readonly string[]): FilterChain => ({
      filterChainMatch: {
        ...port,
        transportProtocol: 'tls',
        ...(applicationProtocols.length === 0 ? {} : { applicationProtocols }),
      },
      filters: inner === 'http' ? target.http() : target.tcp(),
      transportSocket: meshServerSocket(mesh.trustDomain, inner),
      name,
    });
    // In strict mode every TLS is taken for the mesh's own; else only what says so is.
    const any = mode === 'STRICT' ? [] : acceptedMeshAlpn;
    if (content === 'http') chains.push(tls('http', any));
    else if (content === 'tcp') chains.push(tls('tcp', any));
    else {
      const others = mode === 'STRICT' ? [] : acceptedMeshTcpAlpn;
      chains.push(tls('http', acceptedMeshHttpAlpn), tls('tcp', others));
    }
  }
  if (mode === 'STRICT') return chains;
  const plain: FilterChainMatch = { ...port, transportProtocol: 'raw_buffer' };
  if (content === 'http') chains.push({ filterChainMatch: plain, filters: target.http(), name });
  if (content === 'auto') {
    chains.push({
      filterChainMatch: { ...plain, applicationProtocols: plainHttp },
      filters: target.http(),
      name,
    });
  }
  // Also TLS of the application's own, which is passed on as it is.
  if (content !== 'http') chains.push({ filterChainMatch: port, filters: target.tcp(), name });
  return chains;
}

function portTarget(port: InboundPort, mesh: MeshSettings, security: SecurityFilters): ChainTarget {
  const cluster = inboundClusterName(port.targetPort);
  const name = `0.0.0.0_${port.targetPort}`;
  const operation = `${port.hostname}:${port.port}/*`;
  return {
    name,
    destinationPort: port.targetPort,
    content:
      isHttp(port.protocol) || isHttp2(port.protocol) ? 'http' : port.protocol === 'auto' ? 'auto' : 'tcp',
    http: () => [
      httpConnectionManager({
        statPrefix: `inbound_${name}`,
        routes: { inline: inboundRoutes(cluster, port.port, operation) },
        direction: 'inbound',
        mesh,
        security: security.http,
      }),
    ],
    tcp: () => [...security.network, ...tcpFilters(toCluster(cluster, port.protocol), mesh)],
  };
}

/** Connections to ports that no service leads to. */
function catchAllTarget(mesh: MeshSettings, security: SecurityFilters): ChainTarget {
  const cluster = inboundPassthroughCluster;
  return {
    name: 'virtualInbound',
    destinationPort: undefined,
    content: 'auto',
    http: () => [
      httpConnectionManager({
        statPrefix: cluster,
        routes: { inline: inboundRoutes(cluster, 0, ':0/*') },
        direction: 'inbound',
        mesh,
        security: security.http,
      }),
    ],
    tcp: () => [...security.network, ...tcpFilters(toCluster(cluster), mesh)],
  };
}

/** What decides the listener for captured inbound connections. */
export interface InboundFacts {
  readonly ports: readonly InboundPort[];
  readonly mutualTls: MutualTlsModes;
  readonly security: SecurityPolicies;
}

/** The listener that the captured inbound connections of a workload come to. */
export const virtualInbound = query(
  'listeners.inbound',
  (view, { ports, mutualTls, security: policies }: InboundFacts): EncodedResource => {
    const mesh = settingsOf(view);
    const security = view.get(securityFilters, { ...policies, atGateway: false });
    const byPort = new Map<number, InboundPort>();
    // The first of a port is of the oldest service.
    for (const port of ports) if (!byPort.has(port.targetPort)) byPort.set(port.targetPort, port);
    const known = [...byPort.values()];
    const ofKnownProtocol = known.filter((port) => port.protocol !== 'auto').map((port) => port.targetPort);
    const withoutTls = ofKnownProtocol.filter((port) => modeOfPort(mutualTls, port) === 'DISABLE');
    return encodeResource(Listener, 'virtualInbound', {
      name: 'virtualInbound',
      address: socketAddress('0.0.0.0', capturePort),
      filterChains: [
        {
          // A connection made to the port itself would come back to it for ever.
          filterChainMatch: { destinationPort: capturePort },
          filters: tcpFilters(toCluster(blackHoleCluster), mesh),
          name: 'virtualInbound-blackhole',
        },
        ...chainsOf(catchAllTarget(mesh, security), mutualTls.mode, mesh),
        ...known.flatMap((port) =>
          chainsOf(portTarget(port, mesh, security), modeOfPort(mutualTls, port.targetPort), mesh),
        ),
      ],
      listenerFilters: [originalDst, tlsInspector(withoutTls), httpInspector(ofKnownProtocol)],
      ...inspectionFields(mesh),
      trafficDirection: 'INBOUND',
    });
  },
  { equal: sameResource },
);
