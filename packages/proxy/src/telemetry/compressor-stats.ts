import { NumberGroup } from './number-group.ts';

const names = {
  compressed: ['compressed', 'counter'],
  notCompressed: ['not_compressed', 'counter'],
  uncompressedBytes: ['total_uncompressed_bytes', 'counter'],
  compressedBytes: ['total_compressed_bytes', 'counter'],
  contentLengthTooSmall: ['content_length_too_small', 'counter'],
  noAcceptHeader: ['no_accept_header', 'counter'],
  headerIdentity: ['header_identity', 'counter'],
  headerCompressorUsed: ['header_compressor_used', 'counter'],
  headerCompressorOvershadowed: ['header_compressor_overshadowed', 'counter'],
  headerWildcard: ['header_wildcard', 'counter'],
  headerNotValid: ['header_not_valid', 'counter'],
  notCompressedEtag: ['not_compressed_etag', 'counter'],
} as const;

/** What a compressor did, Envoy's `http.STAT_PREFIX.compressor.LIBRARY.KIND.…`; `place` is what follows the library's name. */
export class CompressorStats extends NumberGroup<typeof names> {
  constructor(statPrefix: string, library: string, place: string) {
    const path = `compressor.${library}.${place}.`;
    const labels = { http_conn_manager_prefix: statPrefix };
    super(`http.${statPrefix}.${path}`, `envoy_http_${path.replace(/\W/g, '_')}`, labels, names);
  }
}
