import { NumberGroup } from './number-group.ts';

const common = {
  compressed: ['compressed', 'counter'],
  notCompressed: ['not_compressed', 'counter'],
  uncompressedBytes: ['total_uncompressed_bytes', 'counter'],
  compressedBytes: ['total_compressed_bytes', 'counter'],
  contentLengthTooSmall: ['content_length_too_small', 'counter'],
} as const;
const choice = {
  noAcceptHeader: ['no_accept_header', 'counter'],
  headerIdentity: ['header_identity', 'counter'],
  headerCompressorUsed: ['header_compressor_used', 'counter'],
  headerCompressorOvershadowed: ['header_compressor_overshadowed', 'counter'],
  headerWildcard: ['header_wildcard', 'counter'],
  headerNotValid: ['header_not_valid', 'counter'],
  notCompressedEtag: ['not_compressed_etag', 'counter'],
} as const;

function place(statPrefix: string, library: string, at: string) {
  const path = `compressor.${library}.${at}.`;
  return [
    `http.${statPrefix}.${path}`,
    `envoy_http_${path.replace(/\W/g, '_')}`,
    { http_conn_manager_prefix: statPrefix },
  ] as const;
}

/** What a compressor did, Envoy's `http.STAT_PREFIX.compressor.LIBRARY.AT.…`; `at` may name the direction. */
export class CompressorStats extends NumberGroup<typeof common> {
  constructor(statPrefix: string, library: string, at: string) {
    super(...place(statPrefix, library, at), common);
  }
}

/** What clients accept of a compressor: of answers alone, so that Envoy's names have no direction. */
export class CompressorChoiceStats extends NumberGroup<typeof choice> {
  constructor(statPrefix: string, library: string, kind: string) {
    super(...place(statPrefix, library, kind), choice);
  }
}
