import type { HeaderName } from '../codec/header-name.ts';
import { parseSocketAddress, type SocketAddress } from '../model/address.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Metadata } from '../model/metadata.ts';
import type { ClusterStats } from '../telemetry/cluster-stats.ts';
import { textIn } from './metadata-text.ts';

/** Where a header or metadata say that the request is to go; undefined where none does, or it is no address. */
export function namedDestination(
  request: {
    headerValue?(name: HeaderName): string | undefined;
    readonly dynamicMetadata?: Metadata | undefined;
  },
  { metadataKey }: Extract<Cluster['discovery'], { kind: 'original_dst' }>,
  header: HeaderName | undefined,
  stats: ClusterStats,
): SocketAddress | undefined {
  const inHeader = header === undefined ? undefined : request.headerValue?.(header);
  const text = inHeader ?? textIn(request.dynamicMetadata, metadataKey);
  if (text === undefined) return undefined;
  const address = parseSocketAddress(text);
  if (address === undefined) stats.n.originalDstHostInvalid++;
  return address;
}
