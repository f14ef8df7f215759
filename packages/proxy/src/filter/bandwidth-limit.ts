import { HeaderBlock } from '../codec/header-block.ts';
import { headerName } from '../codec/header-name.ts';
import type { BandwidthLimit } from '../model/bandwidth-limit.ts';
import { BandwidthLimitStats } from '../telemetry/bandwidth-limit-stats.ts';
import { CommonBucket } from './byte-bucket.ts';
import type { FilterServices } from './filter-services.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';
import { placeOfRoute, placeWithin, sharedLevel, type LimitPlace } from './rate-limit/limit-place.ts';
import { SlowedBody, type SlowedBodyWatch } from './slowed-body.ts';

/** How long a body took, and how much of it was the limit's doing, in milliseconds. */
interface Taken {
  readonly durationMs: number;
  readonly heldMs: number;
}

interface Limit {
  readonly model: BandwidthLimit;
  readonly bucket: CommonBucket;
  readonly request: BandwidthLimitStats;
  readonly response: BandwidthLimitStats;
}

/** Counts a body on its way; `onEnd` is told what it took. */
function watchBody(
  exchange: FilterExchange,
  stats: BandwidthLimitStats,
  now: () => number,
  onEnd: (taken: Taken, trailers: HeaderBlock | undefined) => HeaderBlock | undefined,
): SlowedBodyWatch {
  const { n } = stats;
  let startMs: number | undefined;
  let heldSinceMs: number | undefined;
  let heldMs = 0;
  let isPending = false;
  const settle = (): void => {
    if (isPending) n.pending--;
    isPending = false;
  };
  exchange.atEnd(settle);
  return {
    onIncoming(bytes) {
      if (startMs === undefined) {
        startMs = now();
        isPending = true;
        n.pending++;
      }
      n.incomingSize = bytes;
      n.incomingTotalSize += bytes;
    },
    onAllowed(bytes, held) {
      if (heldSinceMs !== undefined) heldMs += now() - heldSinceMs;
      heldSinceMs = held ? now() : undefined;
      if (bytes === 0) return;
      n.allowedSize = bytes;
      n.allowedTotalSize += bytes;
      if (held) n.enforced++;
    },
    onEnd(trailers) {
      settle();
      const durationMs = startMs === undefined ? 0 : now() - startMs;
      if (startMs !== undefined) stats.transferDuration.record(durationMs);
      return onEnd({ durationMs, heldMs }, trailers);
    },
  };
}

/**
 * Limits how fast bodies pass (Envoy, bandwidth limit filter). All requests share one limit, that of their route where it
 * has one, also those that other threads serve.
 */
export function bandwidthLimitFilter(
  name: string,
  model: BandwidthLimit,
  services: FilterServices,
  path: string,
): CompiledHttpFilter {
  const { clock, limits } = services;
  const now = (): number => clock.monotonicMs();
  const stats = (prefix: string, direction: 'request' | 'response'): BandwidthLimitStats =>
    services.statGroup(
      `bandwidth limit ${prefix} ${direction}`,
      () => new BandwidthLimitStats(prefix, direction),
    );
  const compile = (one: BandwidthLimit, place: LimitPlace | undefined): Limit => ({
    model: one,
    bucket: new CommonBucket(
      one.bytesPerSecond,
      one.tickMs,
      clock,
      sharedLevel(place, `${one.bytesPerSecond} bytes/s`),
    ),
    request: stats(one.statPrefix, 'request'),
    response: stats(one.statPrefix, 'response'),
  });
  const own = compile(model, placeWithin(limits, path));
  const ofRoutes = new WeakMap<object, Limit>();
  const limitOf = (exchange: FilterExchange): Limit => {
    const route = exchange.routeConfig(name);
    if (route?.kind !== 'bandwidth_limit') return own;
    let limit = ofRoutes.get(route);
    if (limit === undefined) {
      limit = compile(route.limit, placeOfRoute(exchange, route.limit.place, limits));
      ofRoutes.set(route, limit);
    }
    return limit;
  };
  /** What the bodies of requests took, for their answers. */
  const requests = new WeakMap<FilterExchange, Taken>();
  const tell = (
    prefix: string,
    request: Taken | undefined,
    response: Taken,
    given: HeaderBlock | undefined,
  ): HeaderBlock | undefined => {
    const values = [
      ['bandwidth-request-delay-ms', request?.durationMs ?? 0],
      ['bandwidth-response-delay-ms', response.durationMs],
      ['bandwidth-request-filter-delay-ms', request?.heldMs ?? 0],
      ['bandwidth-response-filter-delay-ms', response.heldMs],
    ] as const;
    let trailers = given;
    for (const [header, ms] of values) {
      if (ms < 1) continue;
      trailers ??= new HeaderBlock();
      trailers.add(headerName(`${prefix}${header}`), String(Math.round(ms)));
    }
    return trailers;
  };

  return {
    name,
    onRequest(exchange) {
      const limit = limitOf(exchange);
      if (!limit.model.limitsRequests || !limit.model.enabled()) return 'continue';
      limit.request.n.enabled++;
      if (exchange.requestComplete && exchange.earlyBody === undefined) return 'continue';
      const watch = watchBody(exchange, limit.request, now, (taken, trailers) => {
        requests.set(exchange, taken);
        return trailers;
      });
      exchange.transformRequest(new SlowedBody(exchange, limit.bucket, limit.model.tickMs, watch));
      return 'continue';
    },
    onResponse(exchange, _response, endStream) {
      const limit = limitOf(exchange);
      if (!limit.model.limitsResponses || !limit.model.enabled()) return;
      limit.response.n.enabled++;
      if (endStream) return;
      const { trailerPrefix, tickMs } = limit.model;
      const watch = watchBody(exchange, limit.response, now, (taken, trailers) =>
        trailerPrefix === undefined ? trailers : tell(trailerPrefix, requests.get(exchange), taken, trailers),
      );
      exchange.transformResponse(new SlowedBody(exchange, limit.bucket, tickMs, watch));
    },
  };
}
