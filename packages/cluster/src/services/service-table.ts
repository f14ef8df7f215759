import {
  hasClusterIP,
  type EndpointSlice,
  type Protocol,
  type Service,
  type SliceEndpoint,
} from '@lateen/kube';

/** An address and port that answers for a service. */
export interface Backend {
  readonly ip: string;
  readonly port: number;
}

/** One port of one service, as the node's network has to know it. */
export interface ServiceRoute {
  /** `namespace/service:port`. */
  readonly name: string;
  readonly protocol: Exclude<Protocol, 'SCTP'>;
  /** The service's own address, then external ones. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly nodePort: number | undefined;
  /** How long a client stays with its backend; undefined: no longer than a connection. */
  readonly affinitySeconds: number | undefined;
  /** In order of address; empty where nobody can take traffic. */
  readonly backends: readonly Backend[];
}

/**
 * The routes of all services that have an address, in a stable order.
 *
 * Traffic goes to endpoints that are ready; where there are none, to those that still serve while they
 * terminate, so that a last connection is not refused while its pod could answer it.
 */
export function serviceRoutes(
  services: readonly Service[],
  slicesOf: (key: string) => readonly EndpointSlice[],
): ServiceRoute[] {
  const routes: ServiceRoute[] = [];
  for (const service of services) {
    if (!hasClusterIP(service)) continue;
    const key = `${service.metadata.namespace}/${service.metadata.name}`;
    const slices = slicesOf(key);
    const { clusterIP = '', externalIPs = [], sessionAffinity, sessionAffinityConfig } = service.spec;
    for (const { name = '', port, protocol = 'TCP', nodePort } of service.spec.ports ?? []) {
      if (protocol === 'SCTP') continue;
      routes.push({
        name: `${key}:${name}`,
        protocol,
        addresses: [clusterIP, ...externalIPs],
        port,
        nodePort: nodePort === 0 ? undefined : nodePort,
        affinitySeconds:
          sessionAffinity === 'ClientIP'
            ? (sessionAffinityConfig?.clientIP?.timeoutSeconds ?? 10_800)
            : undefined,
        backends: backendsOf(slices, name, protocol),
      });
    }
  }
  return routes.sort((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)));
}

function backendsOf(slices: readonly EndpointSlice[], portName: string, protocol: Protocol): Backend[] {
  const ready = collect(slices, portName, protocol, ({ conditions }) => conditions?.ready !== false);
  if (ready.length > 0) return ready;
  return collect(
    slices,
    portName,
    protocol,
    ({ conditions }) => conditions?.terminating === true && conditions.serving === true,
  );
}

function collect(
  slices: readonly EndpointSlice[],
  portName: string,
  protocol: Protocol,
  accepts: (endpoint: SliceEndpoint) => boolean,
): Backend[] {
  const found = new Map<string, Backend>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const slicePort = slice.ports?.find(
      (candidate) => (candidate.name ?? '') === portName && (candidate.protocol ?? 'TCP') === protocol,
    );
    if (slicePort?.port === undefined) continue;
    for (const endpoint of slice.endpoints ?? []) {
      const ip = endpoint.addresses[0];
      if (ip !== undefined && accepts(endpoint)) {
        found.set(`${ip}:${slicePort.port}`, { ip, port: slicePort.port });
      }
    }
  }
  return [...found.keys()].sort().flatMap((key) => found.get(key) ?? []);
}
