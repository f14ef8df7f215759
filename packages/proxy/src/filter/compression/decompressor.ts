import { HeaderBlock } from '../../codec/header-block.ts';
import { headerName, names } from '../../codec/header-name.ts';
import type { DecompressionRules, Decompressor } from '../../model/decompressor.ts';
import { CounterGroup } from '../../telemetry/counter-group.ts';
import { DecompressorStats } from '../../telemetry/decompressor-stats.ts';
import type { FilterServices } from '../filter-services.ts';
import type { CompiledHttpFilter, FilterExchange } from '../http-filter.ts';
import { decompressionStream } from './decompression-stream.ts';
import { hasToken } from './header-token.ts';
import { ZlibTransform } from './zlib-transform.ts';

const acceptEncoding = headerName('accept-encoding');
const cacheControl = headerName('cache-control');
const contentEncoding = headerName('content-encoding');

/** The counters of each library for what it cannot read, and the one for what has no other. */
const failures = {
  gzip: {
    names: ['zlib_data_error', 'zlib_buf_error', 'zlib_mem_error', 'zlib_stream_error', 'zlib_dict_error'],
    other: 'zlib_data_error',
  },
  br: { names: ['brotli_error'], other: 'brotli_error' },
  zstd: { names: ['zstd_generic_error'], other: 'zstd_generic_error' },
} as const;

/** True where the encoding that was put on last is this one. */
function isEncodedBy(headers: HeaderBlock, encoding: string): boolean {
  const value = headers.get(contentEncoding);
  if (value === undefined) return false;
  const comma = value.indexOf(',');
  const first = comma < 0 ? value : value.slice(0, comma);
  return first.trim().toLowerCase() === encoding;
}

function takeEncoding(headers: HeaderBlock): void {
  const value = headers.get(contentEncoding) ?? '';
  const comma = value.indexOf(',');
  if (comma < 0) headers.remove(contentEncoding);
  else headers.set(contentEncoding, value.slice(comma + 1).trim());
}

/** Decompresses the bodies of requests and of answers (Envoy, decompressor filter). */
export function decompressorFilter(
  name: string,
  config: Decompressor,
  statPrefix: string,
  services: FilterServices,
): CompiledHttpFilter {
  const { encoding, libraryName, maxRatio } = config;
  const library = `${libraryName}.${encoding === 'br' ? 'brotli' : encoding}`;
  const group = (direction: 'request' | 'response'): DecompressorStats =>
    services.statGroup(
      `decompressor ${statPrefix} ${library} ${direction}`,
      () => new DecompressorStats(statPrefix, `${library}.${direction}`),
    );
  const stats = { request: group('request'), response: group('response') };
  const failurePath = `decompressor.${library}.decompressor_library.`;
  const failed = services.statGroup(
    `http.${statPrefix}.${failurePath}`,
    () =>
      new CounterGroup<string>(
        `http.${statPrefix}.${failurePath}`,
        `envoy_http_${failurePath.replace(/\W/g, '_')}`,
        { http_conn_manager_prefix: statPrefix },
        failures[encoding].names,
      ),
  );
  const told = {
    compressed: headerName(`x-envoy-decompressor-${libraryName.toLowerCase()}-compressed-bytes`),
    uncompressed: headerName(`x-envoy-decompressor-${libraryName.toLowerCase()}-uncompressed-bytes`),
  };

  const transform = (exchange: FilterExchange, { n }: DecompressorStats): ZlibTransform => {
    let compressed = 0;
    let uncompressed = 0;
    return new ZlibTransform(exchange, decompressionStream(config), {
      onTaken(bytes) {
        compressed += bytes;
        n.compressedBytes += bytes;
      },
      onGiven(bytes) {
        uncompressed += bytes;
        n.uncompressedBytes += bytes;
        return uncompressed <= compressed * maxRatio;
      },
      onFailed(code) {
        const own = code.replace(/^Z_/, 'zlib_').toLowerCase();
        const counter = own in failed.n ? own : failures[encoding].other;
        failed.n[counter] = (failed.n[counter] ?? 0) + 1;
      },
      trailers(given) {
        const trailers = given ?? new HeaderBlock();
        trailers.add(told.compressed, String(compressed));
        trailers.add(told.uncompressed, String(uncompressed));
        return trailers;
      },
    });
  };
  /** What changes the body that these headers are of; undefined where it stays as it is. */
  const begin = (
    exchange: FilterExchange,
    headers: HeaderBlock,
    rules: DecompressionRules,
    own: DecompressorStats,
  ): ZlibTransform | undefined => {
    const forbidden = !rules.ignoresNoTransform && hasToken(headers.get(cacheControl), 'no-transform');
    if (!rules.enabled() || forbidden || !isEncodedBy(headers, encoding)) {
      own.n.notDecompressed++;
      return undefined;
    }
    own.n.decompressed++;
    headers.remove(names.contentLength);
    takeEncoding(headers);
    return transform(exchange, own);
  };

  return {
    name,
    onRequest(exchange) {
      const { headers } = exchange.head;
      if (config.advertises && config.response.enabled()) {
        const accepted = headers.get(acceptEncoding);
        headers.set(acceptEncoding, accepted === undefined ? encoding : `${accepted},${encoding}`);
      }
      if (exchange.requestComplete && exchange.earlyBody === undefined) return 'continue';
      const change = begin(exchange, headers, config.request, stats.request);
      if (change !== undefined) exchange.transformRequest(change);
      return 'continue';
    },
    onResponse(exchange, response, endStream) {
      if (endStream || response.upgrade !== undefined) return;
      const change = begin(exchange, response.headers, config.response, stats.response);
      if (change !== undefined) exchange.transformResponse(change);
    },
  };
}
