import { NumberGroup } from './number-group.ts';

const common = {
  compressed: ['compressed', 'counter'],
  notCompressed: ['not_compressed', 'counter'],
  uncompressedBytes: ['total_uncompressed_bytes', 'counter'],
  compressedBytes: ['total_compressed_bytes', 'counter'],
  contentLengthTooSmall: ['content_length_too_small', 'counter'],
} as const;
const names = {
  ...common,
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

/** What a compressor did, Envoy's `http.STAT_PREFIX.compressor.LIBRARY.KIND.…`; `at` is what follows the library's name. */
export class CompressorStats extends NumberGroup<typeof names> {
  constructor(statPrefix: string, library: string, at: string) {
    super(...place(statPrefix, library, at), names);
  }
}

/** The same of requests, which say nothing of what is accepted. */
export class RequestCompressorStats extends NumberGroup<typeof common> {
  constructor(statPrefix: string, library: string, at: string) {
    super(...place(statPrefix, library, at), common);
  }
}
