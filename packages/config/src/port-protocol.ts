/** The protocol of a service's port as the mesh handles it. */
export type PortProtocol =
  | 'http'
  | 'http2'
  | 'grpc'
  | 'grpc-web'
  | 'http-proxy'
  | 'https'
  | 'tls'
  | 'tcp'
  | 'mongo'
  | 'redis'
  | 'mysql'
  | 'udp'
  /** Not said: found out from the first bytes of each connection. */
  | 'auto';

/** The protocols that a port's name or `appProtocol` can say. */
export const namedProtocols = [
  'http',
  'http2',
  'grpc',
  'grpc-web',
  'https',
  'tls',
  'tcp',
  'mongo',
  'redis',
  'mysql',
  'udp',
] as const satisfies readonly PortProtocol[];

const byName: ReadonlyMap<string, PortProtocol> = new Map(namedProtocols.map((p) => [p, p]));

/** `appProtocol` values of Kubernetes besides the plain names (KEP-3726). */
const byAppProtocol: ReadonlyMap<string, PortProtocol> = new Map([
  ['kubernetes.io/h2c', 'http2'],
  ['kubernetes.io/ws', 'http'],
  ['kubernetes.io/wss', 'https'],
]);

/** Ports of which the server speaks first, so that sniffing would stall them. */
const serverFirstPorts: ReadonlyMap<number, PortProtocol> = new Map([
  [25, 'tcp'], // SMTP
  [853, 'tcp'], // DNS over TLS
  [3306, 'mysql'],
  [27017, 'mongo'],
]);

/** What is known of a port of a Service. */
export interface ServicePortInput {
  readonly port: number;
  readonly name?: string | undefined;
  /** `TCP`, `UDP` or `SCTP`; TCP where left out. */
  readonly protocol?: string | undefined;
  readonly appProtocol?: string | undefined;
}

/**
 * The protocol of a Service's port: `appProtocol` first, then the name `PROTOCOL[-SUFFIX]`, else `auto`.
 *
 * See Istio's page on protocol selection.
 */
export function portProtocol(port: ServicePortInput): PortProtocol {
  if (port.protocol === 'UDP' || port.protocol === 'SCTP') return 'udp';
  if (port.appProtocol !== undefined && port.appProtocol !== '') {
    const wanted = port.appProtocol.toLowerCase();
    return byAppProtocol.get(wanted) ?? protocolOfName(wanted) ?? 'auto';
  }
  return protocolOfName(port.name ?? '') ?? serverFirstPorts.get(port.port) ?? 'auto';
}

/** The protocol that a port's name says; undefined where it says none. */
export function protocolOfName(name: string): PortProtocol | undefined {
  const lower = name.toLowerCase();
  // The one protocol with a dash in it.
  if (lower === 'grpc-web' || lower.startsWith('grpc-web-')) return 'grpc-web';
  const dash = lower.indexOf('-');
  return byName.get(dash < 0 ? lower : lower.slice(0, dash));
}

/** The protocol of a port of a Gateway, Sidecar or ServiceEntry, such as `HTTP` or `GRPC-WEB`; undefined where unknown. */
export function parseProtocol(protocol: string): PortProtocol | undefined {
  const lower = protocol.toLowerCase();
  return lower === 'http_proxy' ? 'http-proxy' : byName.get(lower);
}

/** True where requests are routed by their heads. */
export function isHttp(protocol: PortProtocol): boolean {
  return (
    protocol === 'http' ||
    protocol === 'http2' ||
    protocol === 'grpc' ||
    protocol === 'grpc-web' ||
    protocol === 'http-proxy'
  );
}

/** True where requests are carried by HTTP/2. */
export function isHttp2(protocol: PortProtocol): boolean {
  return protocol === 'http2' || protocol === 'grpc' || protocol === 'grpc-web';
}

/** True where connections carry TLS that is passed through. */
export function isTls(protocol: PortProtocol): boolean {
  return protocol === 'https' || protocol === 'tls';
}
