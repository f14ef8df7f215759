import type { Result } from '@lateen/core';
import type { Cluster } from '../model/cluster.ts';
import { formatAddress } from '../model/address.ts';
import type { Listener } from '../model/listener.ts';
import type { DataSource, DownstreamTransport, TlsOptions, UpstreamTransport } from '../model/tls.ts';
import { clusterStatPlace } from '../telemetry/cluster-stats.ts';
import { listenerStatPlace } from '../telemetry/listener-stats.ts';
import type { StatGroup, StatPlace } from '../telemetry/stat-group.ts';
import { readDataSource } from './data-source.ts';
import { readChain } from './load-certificate.ts';
import { certificateEndMs } from './openssl/certificate.ts';
import { sha256 } from './openssl/digest.ts';
import type { OpensslFunctions } from './openssl/functions.ts';
import type { LazyOpenssl } from './openssl/openssl.ts';
import type { SecretStore } from './secret-store.ts';

/** A certificate of a TLS context under Envoy's name for it, with what reads it (PEM). */
interface NamedCertificate {
  readonly name: string;
  readonly read: () => Buffer | undefined;
}

type Transport = DownstreamTransport | UpstreamTransport;

/**
 * When certificates end, seconds since 1970: Envoy's `listener.ADDRESS.ssl.certificate.NAME.expiration_unix_time_seconds`,
 * and the same of clusters. They are made when somebody looks, so that certificates cost nothing while nobody does.
 *
 * NAME is the secret's; of what stands in a resource itself it is made of a hash of its bytes, as Envoy's, or of the path
 * of its file, so that it stays when the file is replaced.
 */
export function* certificateGauges(
  listeners: Iterable<Listener>,
  clusters: Iterable<Cluster>,
  secrets: SecretStore,
  openssl: LazyOpenssl,
): Generator<StatGroup> {
  const ends = new Map<string, number | undefined>();
  for (const { statPrefix, address, filterChains, defaultFilterChain } of listeners) {
    const chains = defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain];
    const transports = chains.map(({ transport }) => transport);
    if (transports.every(isRaw)) continue;
    yield* gaugesOf(
      listenerStatPlace(statPrefix ?? formatAddress(address)),
      transports,
      secrets,
      openssl.get().c,
      ends,
    );
  }
  for (const { name, statName, transport, transportMatches } of clusters) {
    const transports = [transport, ...transportMatches.map((match) => match.transport)];
    if (transports.every(isRaw)) continue;
    yield* gaugesOf(clusterStatPlace(statName ?? name), transports, secrets, openssl.get().c, ends);
  }
}

const isRaw = ({ kind }: Transport): boolean => kind === 'raw';

function* gaugesOf(
  owner: StatPlace,
  transports: readonly Transport[],
  secrets: SecretStore,
  c: OpensslFunctions,
  ends: Map<string, number | undefined>,
): Generator<StatGroup> {
  const seen = new Set<string>();
  for (const transport of transports) {
    if (transport.kind === 'raw') continue;
    for (const { name, read } of certificatesOf(c, transport.options, secrets)) {
      if (seen.has(name)) continue;
      seen.add(name);
      if (!ends.has(name)) ends.set(name, endOf(c, read()));
      const end = ends.get(name);
      if (end !== undefined) yield gauge(owner, name, end);
    }
  }
}

function gauge({ prefix, prometheusPrefix, labels }: StatPlace, name: string, seconds: number): StatGroup {
  return {
    prefix: `${prefix}ssl.certificate.${name}.`,
    prometheusPrefix: `${prometheusPrefix}ssl_certificate_`,
    labels: { ...labels, tls_certificate: name },
    visit: (visitor) => visitor.number('expiration_unix_time_seconds', 'gauge', seconds),
    resetCounters() {},
  };
}

/** Our own, each by the first of its chain, and the roots, by the first of them as in Envoy, or all of a trust domain's. */
function certificatesOf(
  c: OpensslFunctions,
  options: TlsOptions,
  secrets: SecretStore,
): readonly NamedCertificate[] {
  const { certificates, certificateSecrets, validation, validationSecret } = options;
  const own = [
    ...certificates.map((model) => ({
      name: `unnamed_cert_${hashOf(c, model.chain)}`,
      read: () => valueOf(readChain(model)),
    })),
    ...certificateSecrets.map((name) => ({ name, read: () => secrets.certificate(name)?.chain })),
  ];
  const roots = validationSecret === undefined ? undefined : secrets.validation(validationSecret);
  if (validationSecret !== undefined) {
    const domains = roots?.trustDomains ?? [];
    if (domains.length === 0) own.push({ name: validationSecret, read: () => roots?.trustedCa });
    for (const [i, { bundle }] of domains.entries())
      own.push({ name: `${validationSecret}_${i}`, read: () => bundle });
  } else if (validation?.trustedCa !== undefined) {
    const { trustedCa } = validation;
    const name = `unnamed_ca_cert_${hashOf(c, trustedCa)}`;
    own.push({ name, read: () => valueOf(readDataSource(trustedCa, '')) });
  }
  return own;
}

function hashOf(c: OpensslFunctions, source: DataSource): string {
  const what =
    source.kind === 'inline'
      ? source.bytes
      : Buffer.from(source.kind === 'file' ? source.path : source.variable);
  return sha256(c, what).toString('hex', 0, 4);
}

function valueOf(read: Result<Buffer>): Buffer | undefined {
  return read.ok ? read.value : undefined;
}

function endOf(c: OpensslFunctions, pem: Buffer | undefined): number | undefined {
  const endMs = pem === undefined ? undefined : certificateEndMs(c, pem);
  return endMs === undefined ? undefined : endMs / 1_000;
}
