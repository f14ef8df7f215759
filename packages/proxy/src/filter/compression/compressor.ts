import { headerName } from '../../codec/header-name.ts';
import type { ResponseHead } from '../../codec/head.ts';
import type { HeaderBlock } from '../../codec/header-block.ts';
import { names } from '../../codec/header-name.ts';
import { chooseEncoding, parseAcceptEncoding, type OfferedEncoding } from '../../decide/accept-encoding.ts';
import type { Compression, Compressor } from '../../model/compressor.ts';
import type { HttpFilter } from '../../model/http-filter.ts';
import { CompressorChoiceStats, CompressorStats } from '../../telemetry/compressor-stats.ts';
import type { FilterServices } from '../filter-services.ts';
import type { CompiledHttpFilter, FilterExchange } from '../http-filter.ts';
import { compressionStream } from './compression-stream.ts';
import { hasToken } from './header-token.ts';
import { ZlibTransform } from './zlib-transform.ts';

const acceptEncoding = headerName('accept-encoding');
const cacheControl = headerName('cache-control');
const contentEncoding = headerName('content-encoding');
const contentRange = headerName('content-range');
const etag = headerName('etag');
const vary = headerName('vary');

/** The compressors of one chain: among them the client chooses. */
export class CompressorChain {
  readonly #members: readonly Compressor[];
  /** What clients accept, also where a compressor hides it from endpoints. */
  readonly #accepted = new WeakMap<FilterExchange, string>();

  constructor(filters: readonly HttpFilter[]) {
    this.#members = filters.flatMap(({ config }) =>
      config.kind === 'compressor' ? [config.compressor] : [],
    );
  }

  /** The encodings that are offered for a media type. */
  offersFor(type: string | undefined): OfferedEncoding[] {
    return this.#members
      .filter(({ contentTypes }) => type === undefined || contentTypes.has(type))
      .map(({ compression, chooseFirst }) => ({ name: compression.kind, chooseFirst }));
  }

  note(exchange: FilterExchange): void {
    const value = exchange.head.headers.get(acceptEncoding);
    if (value !== undefined) this.#accepted.set(exchange, value);
  }

  acceptedBy(exchange: FilterExchange): string | undefined {
    return this.#accepted.get(exchange);
  }
}

/** `text/html` of `Text/HTML; charset=utf-8`. */
function mediaType(headers: HeaderBlock): string | undefined {
  const value = headers.get(names.contentType);
  if (value === undefined) return undefined;
  const end = value.indexOf(';');
  return (end < 0 ? value : value.slice(0, end)).trim().toLowerCase();
}

function addVary(headers: HeaderBlock): void {
  const value = headers.get(vary);
  if (hasToken(value, 'accept-encoding') || hasToken(value, '*')) return;
  headers.set(vary, value === undefined || value === '' ? 'Accept-Encoding' : `${value}, Accept-Encoding`);
}

/** Counts what goes in and what comes out. */
interface CompressedBytes {
  uncompressedBytes: number;
  compressedBytes: number;
}

/** Compresses a body. */
function compressing(exchange: FilterExchange, compression: Compression, n: CompressedBytes): ZlibTransform {
  return new ZlibTransform(exchange, compressionStream(compression), {
    onTaken: (bytes) => void (n.uncompressedBytes += bytes),
    onGiven(bytes) {
      n.compressedBytes += bytes;
      return true;
    },
    onFailed() {},
  });
}

/** Compresses the bodies of requests for endpoints that are known to take it; where it is not asked for it counts only. */
function requestCompression(
  { request: rules, compression, libraryName }: Compressor,
  kind: string,
  statPrefix: string,
  services: FilterServices,
): (exchange: FilterExchange) => void {
  const { n } = services.statGroup(
    `compressor ${statPrefix} ${libraryName} ${kind}.request`,
    () => new CompressorStats(statPrefix, libraryName, `${kind}.request`),
  );
  if (rules === undefined) return () => void n.notCompressed++;
  const isLongEnough = (headers: HeaderBlock): boolean => {
    const length = headers.get(names.contentLength);
    if (length === undefined || Number(length) >= rules.minContentBytes) return true;
    n.contentLengthTooSmall++;
    return false;
  };
  return (exchange) => {
    const { headers, upgrade } = exchange.head;
    const type = mediaType(headers);
    const hasBody = !exchange.requestComplete || exchange.earlyBody !== undefined;
    const isWanted =
      hasBody &&
      upgrade === undefined &&
      rules.enabled() &&
      isLongEnough(headers) &&
      (type === undefined || rules.contentTypes.has(type)) &&
      !headers.has(contentEncoding);
    if (!isWanted) {
      n.notCompressed++;
      return;
    }
    n.compressed++;
    headers.remove(names.contentLength);
    headers.set(contentEncoding, compression.kind);
    exchange.transformRequest(compressing(exchange, compression, n));
  };
}

/**
 * Compresses answers for clients that accept it (Envoy, compressor filter). Partial content is never
 * compressed, since its range is one of the bytes as they are. Requests are compressed where that is asked for.
 */
export function compressorFilter(
  name: string,
  config: Compressor,
  chain: CompressorChain,
  statPrefix: string,
  services: FilterServices,
): CompiledHttpFilter {
  const { compression, libraryName, hasDirection } = config;
  const kind = compression.kind === 'br' ? 'brotli' : compression.kind;
  const place = hasDirection ? `${kind}.response` : kind;
  const { n } = services.statGroup(
    `compressor ${statPrefix} ${libraryName} ${place}`,
    () => new CompressorStats(statPrefix, libraryName, place),
  );
  const { n: choices } = services.statGroup(
    `compressor choices ${statPrefix} ${libraryName} ${kind}`,
    () => new CompressorChoiceStats(statPrefix, libraryName, kind),
  );
  const compressRequest = requestCompression(config, kind, statPrefix, services);
  const isLongEnough = (headers: HeaderBlock): boolean => {
    const length = headers.get(names.contentLength);
    if (length === undefined || Number(length) >= config.minContentBytes) return true;
    n.contentLengthTooSmall++;
    return false;
  };
  const mayHaveEtag = (headers: HeaderBlock): boolean => {
    if (!config.disableOnEtag || !headers.has(etag)) return true;
    choices.notCompressedEtag++;
    return false;
  };
  const isCompressible = (response: ResponseHead, type: string | undefined): boolean => {
    const { headers } = response;
    return (
      response.upgrade === undefined &&
      (type === undefined || config.contentTypes.has(type)) &&
      !hasToken(headers.get(cacheControl), 'no-transform') &&
      mayHaveEtag(headers) &&
      !headers.has(contentEncoding) &&
      !headers.has(contentRange)
    );
  };
  const isChosen = (exchange: FilterExchange, type: string | undefined): boolean => {
    const accepted = chain.acceptedBy(exchange);
    if (accepted === undefined) {
      choices.noAcceptHeader++;
      return false;
    }
    const offers = chain.offersFor(type);
    if (offers.length === 0) {
      choices.headerNotValid++;
      return false;
    }
    const choice = chooseEncoding(parseAcceptEncoding(accepted), offers);
    switch (choice.kind) {
      case 'identity':
        choices.headerIdentity++;
        return false;
      case 'invalid':
        choices.headerNotValid++;
        return false;
      default:
        if (choice.name !== compression.kind) {
          choices.headerCompressorOvershadowed++;
          return false;
        }
        if (choice.kind === 'wildcard') choices.headerWildcard++;
        else choices.headerCompressorUsed++;
        return true;
    }
  };
  return {
    name,
    onRequest(exchange) {
      const route = exchange.routeConfig(name);
      const own = route?.kind === 'compressor_route' ? route.settings.removeAcceptEncoding : undefined;
      chain.note(exchange);
      compressRequest(exchange);
      if (own ?? config.removeAcceptEncoding) exchange.head.headers.remove(acceptEncoding);
      return 'continue';
    },
    onResponse(exchange, response, endStream) {
      const { headers } = response;
      const enabled = config.enabled() || exchange.routeConfig(name)?.kind === 'compressor_route';
      const type = mediaType(headers);
      const isLarge = enabled && isLongEnough(headers);
      const isWanted = isLarge && isCompressible(response, type);
      // Also where this client does not accept it: a cache has to ask again for one that does.
      if (isWanted) addVary(headers);
      // What clients accept is counted for answers that stay as they are, too.
      const isAccepted = isLarge && !endStream && isChosen(exchange, type);
      if (!isWanted || !isAccepted) {
        n.notCompressed++;
        return;
      }
      n.compressed++;
      if (headers.get(etag)?.startsWith('W/') === false) headers.remove(etag);
      headers.remove(names.contentLength);
      headers.set(contentEncoding, compression.kind);
      exchange.transformResponse(compressing(exchange, compression, n));
    },
  };
}
