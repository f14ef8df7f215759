import { isHttp } from '@lateen/config';
import { Listener, type FilterChain } from '@lateen/protocol/envoy/config/listener/v3';
import { query } from '../../engine/query.ts';
import type { InboundPort } from '../../model/inbound.ts';
import type { MeshSettings } from '../../model/mesh-settings.ts';
import { settingsOf } from '../../model/settings.ts';
import { socketAddress } from '../address.ts';
import { blackHoleCluster, inboundClusterName, inboundPassthroughCluster } from '../cluster-name.ts';
import { encodeResource, sameResource, type EncodedResource } from '../resource.ts';
import { inboundRoutes } from '../route/sidecar.ts';
import { httpInspector, inspectionFields, originalDst, plainHttp, tlsInspector } from './listener-filter.ts';
import { httpConnectionManager, tcpFilters } from './network-filter.ts';

const capturePort = 15_006;

/** The chains of one port of the workload, by what is spoken there. */
function portChains(port: InboundPort, mesh: MeshSettings): FilterChain[] {
  const cluster = inboundClusterName(port.targetPort);
  const name = `0.0.0.0_${port.targetPort}`;
  const http: FilterChain = {
    filterChainMatch: { destinationPort: port.targetPort, transportProtocol: 'raw_buffer' },
    filters: [
      httpConnectionManager({
        statPrefix: `inbound_${name}`,
        routes: { inline: inboundRoutes(cluster, port.port, `${port.hostname}:${port.port}/*`) },
        direction: 'inbound',
        mesh,
      }),
    ],
    name,
  };
  const tcp: FilterChain = {
    filterChainMatch: { destinationPort: port.targetPort },
    filters: tcpFilters([{ cluster, weight: 1 }], cluster, mesh),
    name,
  };
  if (isHttp(port.protocol)) return [http];
  if (port.protocol !== 'auto') return [tcp];
  return [
    {
      ...http,
      filterChainMatch: { ...http.filterChainMatch, applicationProtocols: plainHttp },
    },
    tcp,
  ];
}

/** Connections to ports that no service leads to. */
function catchAllChains(mesh: MeshSettings): FilterChain[] {
  return [
    {
      // A connection made to the port itself would come back to it for ever.
      filterChainMatch: { destinationPort: capturePort },
      filters: tcpFilters([{ cluster: blackHoleCluster, weight: 1 }], blackHoleCluster, mesh),
      name: 'virtualInbound-blackhole',
    },
    {
      filterChainMatch: { transportProtocol: 'raw_buffer', applicationProtocols: plainHttp },
      filters: [
        httpConnectionManager({
          statPrefix: inboundPassthroughCluster,
          routes: {
            inline: inboundRoutes(inboundPassthroughCluster, 0, ':0/*'),
          },
          direction: 'inbound',
          mesh,
        }),
      ],
      name: 'virtualInbound-catchall-http',
    },
    {
      filters: tcpFilters(
        [{ cluster: inboundPassthroughCluster, weight: 1 }],
        inboundPassthroughCluster,
        mesh,
      ),
      name: 'virtualInbound',
    },
  ];
}

/** The listener that the captured inbound connections of a workload with these ports come to. */
export const virtualInbound = query(
  'listeners.inbound',
  (view, ports: readonly InboundPort[]): EncodedResource => {
    const mesh = settingsOf(view);
    const byPort = new Map<number, InboundPort>();
    // The first of a port is of the oldest service.
    for (const port of ports) if (!byPort.has(port.targetPort)) byPort.set(port.targetPort, port);
    const knownPorts = [...byPort.values()]
      .filter((port) => port.protocol !== 'auto')
      .map((port) => port.targetPort);
    return encodeResource(Listener, 'virtualInbound', {
      name: 'virtualInbound',
      address: socketAddress('0.0.0.0', capturePort),
      filterChains: [
        ...catchAllChains(mesh),
        ...[...byPort.values()].flatMap((port) => portChains(port, mesh)),
      ],
      listenerFilters: [originalDst, tlsInspector(knownPorts), httpInspector(knownPorts)],
      ...inspectionFields(mesh),
      trafficDirection: 'INBOUND',
    });
  },
  { equal: sameResource },
);
