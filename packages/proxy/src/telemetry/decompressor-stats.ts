import { NumberGroup } from './number-group.ts';

const names = {
  decompressed: ['decompressed', 'counter'],
  notDecompressed: ['not_decompressed', 'counter'],
  uncompressedBytes: ['total_uncompressed_bytes', 'counter'],
  compressedBytes: ['total_compressed_bytes', 'counter'],
} as const;

/** What a decompressor did in one direction, Envoy's `http.STAT_PREFIX.decompressor.LIBRARY.KIND.DIRECTION.…`. */
export class DecompressorStats extends NumberGroup<typeof names> {
  constructor(statPrefix: string, place: string) {
    const path = `decompressor.${place}.`;
    const labels = { http_conn_manager_prefix: statPrefix };
    super(`http.${statPrefix}.${path}`, `envoy_http_${path.replace(/\W/g, '_')}`, labels, names);
  }
}
