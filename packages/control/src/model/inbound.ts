import { parseProtocol, type PortProtocol, type SidecarSpec } from '@lateen/config';
import { query, type View } from '../engine/query.ts';
import { selects } from './labels.ts';
import type { Proxy } from './proxy.ts';
import { service } from './registry.ts';
import { scopeOf } from './scope.ts';
import type { Service } from './service.ts';
import { sidecarOf } from './sidecar-scope.ts';
import { proxies, servicesByNamespace } from './tables.ts';

/** Where the application is reached from its sidecar. */
export type ApplicationAddress =
  | { readonly kind: 'socket'; readonly address: string; readonly port: number }
  | { readonly kind: 'pipe'; readonly path: string };

/** A port of a workload that a service leads to, or that a Sidecar opens. */
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
  /** Undefined where the application is at the port itself. */
  readonly application?: ApplicationAddress;
}

/** What of a service decides about the ports of its workloads. */
const serving = query('service.serving', (view, id: string) => {
  const found = view.get(service, id);
  if (found?.selector === undefined || Object.keys(found.selector).length === 0) return undefined;
  const { hostname, namespace, selector, ports, createdMs } = found;
  return { hostname, namespace, selector, ports, createdMs };
});

/**
 * The ports of a connected proxy's workload, ordered: those that its Sidecar's `ingress` opens, else those that
 * services lead to; of several services with one port, the oldest first.
 *
 * The proxy itself says its labels and named ports, so that nobody waits for its pod to be seen.
 */
export const inboundPorts = query('inboundPorts', (view, proxyId: string): readonly InboundPort[] => {
  const proxy = view.row(proxies, proxyId);
  const scope = view.get(scopeOf, proxyId);
  if (proxy === undefined || scope === undefined) return [];
  const served = servicePorts(view, proxy);
  const ingress = view.get(sidecarOf, scope)?.spec.ingress ?? [];
  return ingress.length === 0 ? served : openedPorts(ingress, served, proxy);
});

/** The ports of a Sidecar, with the names of the services that lead there. */
function openedPorts(
  ingress: NonNullable<SidecarSpec['ingress']>,
  served: readonly InboundPort[],
  proxy: Proxy,
): InboundPort[] {
  return ingress
    .flatMap(({ port, defaultEndpoint }): InboundPort[] => {
      if (port.number === undefined) return [];
      const service = served.find(({ targetPort }) => targetPort === port.number) ?? served[0];
      const application = applicationOf(defaultEndpoint, proxy.addresses[0] ?? '');
      return [
        {
          targetPort: port.number,
          port: port.number,
          portName: port.name ?? '',
          protocol: parseProtocol(port.protocol ?? '') ?? 'auto',
          hostname: service?.hostname ?? '',
          namespace: proxy.namespace,
          createdMs: service?.createdMs ?? 0,
          ...(application === undefined ? {} : { application }),
        },
      ];
    })
    .sort((a, b) => a.targetPort - b.targetPort);
}

/** Reads `127.0.0.1:PORT`, `unix:///PATH`, or `0.0.0.0:PORT` for the address of the pod. */
function applicationOf(endpoint: string | undefined, ownAddress: string): ApplicationAddress | undefined {
  if (endpoint === undefined || endpoint === '') return undefined;
  if (endpoint.startsWith('unix:')) {
    return { kind: 'pipe', path: endpoint.replace(/^unix:(\/\/)?/, '') };
  }
  const colon = endpoint.lastIndexOf(':');
  const host = endpoint.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const address = host === '0.0.0.0' || host === '::' ? ownAddress : host;
  return { kind: 'socket', address, port: Number(endpoint.slice(colon + 1)) };
}

function servicePorts(view: View, proxy: Proxy): InboundPort[] {
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
}

function targetOf(
  target: Service['ports'][number]['targetPort'],
  namedPorts: Readonly<Record<string, number>>,
): number | undefined {
  return typeof target === 'number' ? target : namedPorts[target];
}
