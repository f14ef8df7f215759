import type { PortProtocol } from '@lateen/config';
import { query } from '../engine/query.ts';
import { selects } from './labels.ts';
import { service } from './registry.ts';
import type { Service } from './service.ts';
import { proxies, servicesByNamespace } from './tables.ts';

/** A port of a workload that a service leads to. */
export interface InboundPort {
  /** Port of the workload. */
  readonly targetPort: number;
  /** Port of the service. */
  readonly port: number;
  readonly portName: string;
  readonly protocol: PortProtocol;
  readonly hostname: string;
  readonly namespace: string;
  readonly createdMs: number;
}

/** What of a service decides about the ports of its workloads. */
const serving = query('service.serving', (view, id: string) => {
  const found = view.get(service, id);
  if (found?.selector === undefined || Object.keys(found.selector).length === 0) return undefined;
  const { hostname, namespace, selector, ports, createdMs } = found;
  return { hostname, namespace, selector, ports, createdMs };
});

/**
 * The ports that services lead to at a connected proxy's workload, ordered by port; of several services
 * with one port, the oldest first.
 *
 * The proxy itself says its labels and named ports, so that nobody waits for its pod to be seen.
 */
export const inboundPorts = query('inboundPorts', (view, proxyId: string): readonly InboundPort[] => {
  const proxy = view.row(proxies, proxyId);
  if (proxy === undefined) return [];
  const found: InboundPort[] = [];
  for (const id of view.keysBy(servicesByNamespace, proxy.namespace)) {
    const served = view.get(serving, id);
    if (served === undefined || !selects(served.selector, proxy.labels)) continue;
    for (const port of served.ports) {
      const targetPort = targetOf(port.targetPort, proxy.namedPorts);
      if (targetPort === undefined || port.protocol === 'udp') continue;
      const { hostname, namespace, createdMs } = served;
      found.push({
        targetPort,
        port: port.port,
        portName: port.name,
        protocol: port.protocol,
        hostname,
        namespace,
        createdMs,
      });
    }
  }
  return found.sort(
    (a, b) =>
      a.targetPort - b.targetPort ||
      a.createdMs - b.createdMs ||
      (a.hostname < b.hostname ? -1 : a.hostname > b.hostname ? 1 : a.port - b.port),
  );
});

function targetOf(
  target: Service['ports'][number]['targetPort'],
  namedPorts: Readonly<Record<string, number>>,
): number | undefined {
  return typeof target === 'number' ? target : namedPorts[target];
}
