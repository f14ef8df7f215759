import { isHttp, parseProtocol, type GatewayServer, type PortProtocol } from '@lateen/config';
import { query } from '../engine/query.ts';
import { byAge, objectKey } from './config-object.ts';
import type { InboundPort } from './inbound.ts';
import { selects } from './labels.ts';
import { scopeText, type Scope } from './scope.ts';
import { gateways } from './tables.ts';

/** A server of a Gateway object, with where the object's proxies listen for it. */
export interface BoundServer {
  /** `namespace/name` of the Gateway. */
  readonly gateway: string;
  readonly server: GatewayServer;
  readonly protocol: PortProtocol;
  /** Port of the proxy: where the port of its Service leads to. */
  readonly listenPort: number;
}

/** Which proxies at the edge, and how their Services' ports are mapped. */
export interface EdgeProxies {
  readonly scope: Scope;
  readonly ports: readonly InboundPort[];
}

export function edgeText(edge: EdgeProxies): string {
  return `${scopeText(edge.scope)} ${edge.ports.map((port) => `${port.port}>${port.targetPort}`).join(',')}`;
}

const gatewaySelector = query('gateway.selector', (view, key: string) => {
  const gateway = view.row(gateways, key);
  return gateway === undefined ? undefined : { selector: gateway.spec.selector ?? {} };
});

/** The servers that proxies at the edge provide: of the oldest Gateway first. */
export const boundServers = query(
  'gateway.servers',
  (view, edge: EdgeProxies): readonly BoundServer[] => {
    const targets = new Map<number, number>();
    for (const port of edge.ports) if (!targets.has(port.port)) targets.set(port.port, port.targetPort);
    return view
      .keys(gateways)
      .filter((key) => selects(view.get(gatewaySelector, key)?.selector ?? { '': 'none' }, edge.scope.labels))
      .flatMap((key) => view.row(gateways, key) ?? [])
      .sort(byAge)
      .flatMap((gateway) =>
        (gateway.spec.servers ?? []).map(
          (server): BoundServer => ({
            gateway: objectKey(gateway),
            server,
            protocol: parseProtocol(server.port.protocol) ?? 'tcp',
            listenPort: targets.get(server.port.number) ?? server.port.number,
          }),
        ),
      );
  },
  { keyText: edgeText },
);

/** True where the server speaks HTTP without TLS. */
export function isPlainHttp(bound: BoundServer): boolean {
  return isHttp(bound.protocol);
}

/** A host of a server: the namespaces whose VirtualServices may use it, and the host. */
export interface ServerHost {
  /** `*` for any. */
  readonly namespace: string;
  readonly host: string;
}

/** The hosts of a server: `host`, `namespace/host`, `./host` for the Gateway's own namespace. */
export function hostsOf(bound: BoundServer): ServerHost[] {
  const own = bound.gateway.slice(0, bound.gateway.indexOf('/'));
  return bound.server.hosts.map((text) => {
    const slash = text.indexOf('/');
    if (slash === -1) return { namespace: '*', host: text };
    const namespace = text.slice(0, slash);
    return { namespace: namespace === '.' ? own : namespace, host: text.slice(slash + 1) };
  });
}
