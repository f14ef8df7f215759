import type { Address, Cluster, ConfigSource, UpstreamTls } from '../model/index.ts';

/** A connection to a control plane is silent for hours: one that has died without a word is found by its PINGs. */
const keepalive = { intervalMs: 30_000, timeoutMs: 10_000, jitterPercent: 15, idleIntervalMs: 0 };

/** Names of the clusters that these sources ask by gRPC. */
export function* clustersAskedByGrpc(sources: Iterable<ConfigSource | undefined>): Generator<string> {
  for (const source of sources) if (source?.kind === 'grpc') yield source.target.cluster;
}

/**
 * A static cluster as a control plane is reached by it.
 *
 * It speaks HTTP/2 even where it does not say so, PINGs every 30 s unless it says otherwise, and its server is always
 * verified: by the system's roots where it names none, and by its SNI, else the host of its endpoint, where it names no
 * subject alternative name. Whoever is believed to be the control plane decides over everything.
 */
export function asControlPlane(cluster: Cluster): Cluster {
  const { http, transport } = cluster;
  const host = cluster.loadAssignment?.localities[0]?.endpoints[0]?.address;
  return {
    ...cluster,
    http: {
      ...http,
      protocol: 'http2',
      http2: { ...http.http2, keepalive: http.http2.keepalive ?? keepalive },
    },
    transport: transport.kind === 'upstream_tls' ? verifying(transport, host) : transport,
  };
}

function verifying(transport: UpstreamTls, host: Address | undefined): UpstreamTls {
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
      alpn: options.alpn.length === 0 ? ['h2'] : options.alpn,
      validation: hasRoots ? asked : { ...asked, systemRoots: true },
    },
  };
}

/** Why configuration cannot be asked for through a cluster that only resources of others name; undefined: it can. */
export function controlPlaneProblem({ name, http, transport }: Cluster): string | undefined {
  if (http.protocol !== 'http2') return `cluster "${name}" must have http2_protocol_options`;
  if (transport.kind === 'raw') return undefined;
  const { validation, validationSecret } = transport.options;
  const verifies =
    validationSecret !== undefined ||
    validation?.trustedCa !== undefined ||
    validation?.trustDomains !== undefined ||
    validation?.systemRoots === true;
  return verifies ? undefined : `cluster "${name}" must have a validation_context with roots`;
}
