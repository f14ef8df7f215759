import { namedProtocols, protocolOfName } from '../port-protocol.ts';
import type { MeshView } from './mesh-view.ts';
import { message, type Message } from './message.ts';

const platformNamespaces = new Set(['kube-system', 'kube-public', 'kube-node-lease', 'istio-system']);

/** Ports of services whose names do not say their protocol. */
export function portNames(view: MeshView): Message[] {
  return view.services.flatMap((service) => {
    if (platformNamespaces.has(service.name.namespace) || service.name.name === 'kubernetes') return [];
    return service.ports.flatMap((port, index) => {
      const said = port.appProtocol !== undefined || protocolOfName(port.name ?? '') !== undefined;
      if (said || port.protocol === 'UDP' || port.protocol === 'SCTP') return [];
      return [
        message(
          'IST0118',
          service.name,
          `spec.ports[${index}].name`,
          `port ${port.port} is named "${port.name ?? ''}", which says no protocol: name it PROTOCOL or PROTOCOL-SUFFIX with one of ${namedProtocols.join(', ')}, else the protocol is guessed from each connection`,
        ),
      ];
    });
  });
}

/** Deployments that several services take for different protocols on the same port. */
export function sharedDeployments(view: MeshView): Message[] {
  return view.deployments.flatMap((deployment) => {
    const byPort = new Map<string, { readonly service: string; readonly protocol: string }>();
    const found: Message[] = [];
    for (const service of view.services) {
      const wanted = Object.entries(service.selector);
      if (service.name.namespace !== deployment.name.namespace || wanted.length === 0) continue;
      if (!wanted.every(([key, value]) => deployment.labels[key] === value)) continue;
      for (const port of service.ports) {
        const target = String(port.targetPort ?? port.port);
        const protocol = port.appProtocol ?? protocolOfName(port.name ?? '') ?? 'auto';
        const other = byPort.get(target);
        if (other === undefined) byPort.set(target, { service: service.name.name, protocol });
        else if (other.protocol !== protocol && other.service !== service.name.name) {
          found.push(
            message(
              'IST0116',
              deployment.name,
              '',
              `services ${other.service} and ${service.name.name} use port ${target} of this deployment for different protocols, ${other.protocol} and ${protocol}`,
            ),
          );
        }
      }
    }
    return found;
  });
}
