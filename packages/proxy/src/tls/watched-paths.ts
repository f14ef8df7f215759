import { dirname } from 'node:path';
import type { Cluster } from '../model/cluster.ts';
import type { Listener } from '../model/listener.ts';
import type {
  CertificateValidation,
  DataSource,
  DownstreamTransport,
  Secret,
  TlsCertificate,
  TlsOptions,
  UpstreamTransport,
} from '../model/tls.ts';

/** What is read from files together, and the folder whose changes say that it is to be read again. */
interface FileGroup {
  readonly sources: readonly (DataSource | undefined)[];
  readonly watchedDirectory: string | undefined;
}

const certificateFiles = ({
  chain,
  privateKey,
  password,
  ocspResponse,
  watchedDirectory,
}: TlsCertificate): FileGroup => ({
  sources: [chain, privateKey, password, ocspResponse],
  watchedDirectory,
});

const validationFiles = ({
  trustedCa,
  crl,
  trustDomains = [],
  watchedDirectory,
}: CertificateValidation): FileGroup => ({
  sources: [trustedCa, crl, ...trustDomains.map(({ bundle }) => bundle)],
  watchedDirectory,
});

/** Folders that are named; nothing is watched for inline bytes. */
function named({ sources, watchedDirectory }: FileGroup): readonly string[] {
  const files = sources.filter((source) => source?.kind === 'file');
  if (files.length === 0) return [];
  if (watchedDirectory !== undefined) return [watchedDirectory];
  return files.flatMap((source) => source.watchedDirectory ?? []);
}

/** The folders that a TLS context itself names, without its secrets. */
export function directoriesOfTls(
  options: TlsOptions,
  ticketKeys: readonly DataSource[] = [],
): readonly string[] {
  const { certificates, validation } = options;
  return unique(
    [
      ...certificates.map(certificateFiles),
      ...(validation === undefined ? [] : [validationFiles(validation)]),
      { sources: ticketKeys, watchedDirectory: undefined },
    ].flatMap(named),
  );
}

/** The folders of a secret's files: those that are named, else, as Envoy does for SDS, those that the files are in. */
export function directoriesOfSecret(secret: Secret): readonly string[] {
  const group = groupOf(secret);
  const directories = named(group);
  if (directories.length > 0) return unique(directories);
  return unique(group.sources.flatMap((source) => (source?.kind === 'file' ? [dirname(source.path)] : [])));
}

function groupOf(secret: Secret): FileGroup {
  switch (secret.kind) {
    case 'certificate':
      return certificateFiles(secret.certificate);
    case 'validation':
      return validationFiles(secret.validation);
    case 'ticket_keys':
      return { sources: secret.keys, watchedDirectory: undefined };
    default:
      return { sources: [], watchedDirectory: undefined };
  }
}

export function directoriesOfListener({ filterChains, defaultFilterChain }: Listener): readonly string[] {
  const transports = filterChains.map(({ transport }) => transport);
  if (defaultFilterChain !== undefined) transports.push(defaultFilterChain.transport);
  return unique(transports.flatMap(directoriesOfTransport));
}

export function directoriesOfCluster({ transport, transportMatches }: Cluster): readonly string[] {
  return unique(
    [transport, ...transportMatches.map((match) => match.transport)].flatMap(directoriesOfTransport),
  );
}

function directoriesOfTransport(transport: DownstreamTransport | UpstreamTransport): readonly string[] {
  if (transport.kind === 'raw') return [];
  const keys = transport.kind === 'downstream_tls' ? transport.sessionTicketKeys : undefined;
  return directoriesOfTls(transport.options, keys);
}

function unique(directories: readonly string[]): readonly string[] {
  return [...new Set(directories)];
}
