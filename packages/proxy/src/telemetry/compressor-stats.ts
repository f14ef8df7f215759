import { StatNumbers } from './stat-numbers.ts';
import type { StatGroup, StatVisitor } from './stat-group.ts';

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
export class CompressorStats implements StatGroup {
  readonly prefix: string;
  readonly prometheusPrefix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly #numbers = new StatNumbers(names);

  constructor(statPrefix: string, library: string, place: string) {
    const path = `compressor.${library}.${place}.`;
    this.prefix = `http.${statPrefix}.${path}`;
    this.prometheusPrefix = `envoy_http_${path.replace(/\W/g, '_')}`;
    this.labels = { http_conn_manager_prefix: statPrefix };
  }

  get n(): Record<keyof typeof names, number> {
    return this.#numbers.n;
  }

  visit(visitor: StatVisitor): void {
    this.#numbers.visit((name, kind, value) => visitor.number(name, kind, value));
  }

  resetCounters(): void {
    this.#numbers.resetCounters();
  }
}
