import type { Address, Cluster, ConfigSource, UpstreamTls } from '../model/index.ts';

/** A connection to a control plane is silent for hours: one that has died without a word is found by its PINGs. */
const keepalive = { intervalMs: 30_000, timeoutMs: 10_000, jitterPercent: 15, idleIntervalMs: 0 };

/** How a cluster is asked for configuration. */
export type AskedBy = 'grpc' | 'rest';

/** The clusters that these sources ask; one that is asked both ways is asked by gRPC, and REST goes over HTTP/2 too. */
export function clustersAsked(sources: Iterable<ConfigSource | undefined>): Map<string, AskedBy> {
  const asked = new Map<string, AskedBy>();
  for (const source of sources) {
    if (source?.kind === 'grpc') asked.set(source.target.cluster, 'grpc');
    if (source?.kind === 'rest' && !asked.has(source.cluster)) asked.set(source.cluster, 'rest');
  }
  return asked;
}

/**
 * A static cluster as a control plane is reached by it.
 *
 * By gRPC it speaks HTTP/2 even where it does not say so, and PINGs every 30 s unless it says otherwise. Its server is always
 * verified: by the system's roots where it names none, and by its SNI, else the host of its endpoint, where it names no
 * subject alternative name. Whoever is believed to be the control plane decides over everything.
 */
export function asControlPlane(cluster: Cluster, by: AskedBy = 'grpc'): Cluster {
  const { http, transport } = cluster;
  const host = cluster.loadAssignment?.localities[0]?.endpoints[0]?.address;
  return {
    ...cluster,
    http:
      by === 'rest'
        ? http
        : {
            ...http,
            protocol: 'http2',
            http2: { ...http.http2, keepalive: http.http2.keepalive ?? keepalive },
          },
    transport: transport.kind === 'upstream_tls' ? verifying(transport, host, by) : transport,
  };
}

function verifying(transport: UpstreamTls, host: Address | undefined, by: AskedBy): UpstreamTls {
  const { options } = transport;
  const { validation, validationSecret } = options;
  const asked = validation ?? {
    sanMatches: [],
    certificateHashes: [],
    spkiHashes: [],
    allowExpired: false,
    acceptUntrusted: false,
  };
  const hasRoots =
    asked.trustedCa !== undefined || asked.trustDomains !== undefined || validationSecret !== undefined;
  const hostName = host === undefined || host.kind === 'pipe' ? 'localhost' : host.address;
  return {
    ...transport,
    sni: transport.sni === '' ? hostName : transport.sni,
    autoSanValidation: transport.autoSanValidation || asked.sanMatches.length === 0,
    options: {
      ...options,
      alpn: options.alpn.length === 0 && by === 'grpc' ? ['h2'] : options.alpn,
      validation: hasRoots ? asked : { ...asked, systemRoots: true },
    },
  };
}

/** Why configuration cannot be asked for through a cluster that only resources of others name; undefined: it can. */
export function controlPlaneProblem({ name, http, transport }: Cluster, by: AskedBy): string | undefined {
  if (by === 'grpc' && http.protocol !== 'http2') return `cluster "${name}" must have http2_protocol_options`;
  if (transport.kind === 'raw') return undefined;
  const { validation, validationSecret } = transport.options;
  const verifies =
    validationSecret !== undefined ||
    validation?.trustedCa !== undefined ||
    validation?.trustDomains !== undefined ||
    validation?.systemRoots === true;
  return verifies ? undefined : `cluster "${name}" must have a validation_context with roots`;
}
