import type { Cluster } from '../model/cluster.ts';
import type { Listener } from '../model/listener.ts';
import type {
  DataSource,
  DownstreamTransport,
  Secret,
  TlsCertificate,
  UpstreamTransport,
} from '../model/tls.ts';

/** Certificates that are used together. */
export interface CertificateGroup {
  /** Roots by which peers are verified. */
  readonly roots: readonly DataSource[];
  /** Our own, each with its issuers. */
  readonly chains: readonly TlsCertificate[];
}

/** What a secret holds; nothing for one without certificates. */
export function certificatesOfSecret(secret: Secret): readonly CertificateGroup[] {
  if (secret.kind === 'certificate') return [{ roots: [], chains: [secret.certificate] }];
  if (secret.kind !== 'validation') return [];
  return nonEmpty({ roots: rootsOf(secret.validation), chains: [] });
}

/** What a listener itself says, its secrets left out: a group for each TLS context. */
export function certificatesOfListener({
  filterChains,
  defaultFilterChain,
}: Listener): readonly CertificateGroup[] {
  const transports = filterChains.map(({ transport }) => transport);
  if (defaultFilterChain !== undefined) transports.push(defaultFilterChain.transport);
  return transports.flatMap(certificatesOfTransport);
}

/** The same of a cluster. */
export function certificatesOfCluster({ transport, transportMatches }: Cluster): readonly CertificateGroup[] {
  return [transport, ...transportMatches.map((match) => match.transport)].flatMap(certificatesOfTransport);
}

function certificatesOfTransport(
  transport: DownstreamTransport | UpstreamTransport,
): readonly CertificateGroup[] {
  if (transport.kind === 'raw') return [];
  const { certificates, validation } = transport.options;
  return nonEmpty({
    roots: validation === undefined ? [] : rootsOf(validation),
    chains: certificates,
  });
}

function rootsOf({
  trustedCa,
  trustDomains = [],
}: Pick<Extract<Secret, { kind: 'validation' }>['validation'], 'trustedCa' | 'trustDomains'>): DataSource[] {
  return [...(trustedCa === undefined ? [] : [trustedCa]), ...trustDomains.map(({ bundle }) => bundle)];
}

function nonEmpty(group: CertificateGroup): readonly CertificateGroup[] {
  return group.roots.length + group.chains.length === 0 ? [] : [group];
}
