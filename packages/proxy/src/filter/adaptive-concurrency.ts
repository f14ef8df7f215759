import type { AdaptiveConcurrency } from '../model/adaptive-concurrency.ts';
import { NumberGroup } from '../telemetry/number-group.ts';
import type { FilterServices } from './filter-services.ts';
import type { BodyOutput, BodyTransform, CompiledHttpFilter, FilterExchange } from './http-filter.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { StatVisitor } from '../telemetry/stat-group.ts';
import { placeWithin } from './rate-limit/limit-place.ts';
import { concurrencyLimit, type ConcurrencyLimit } from './shared-gradient.ts';

const statNames = {
  blocked: ['rq_blocked', 'counter'],
  headroom: ['burst_queue_size', 'gauge'],
  limit: ['concurrency_limit', 'gauge'],
  /** A thousand times what it is. */
  gradient: ['gradient', 'gauge'],
  isMeasuring: ['min_rtt_calculation_active', 'gauge'],
  minRttMs: ['min_rtt_msecs', 'gauge'],
  sampleRttMs: ['sample_rtt_msecs', 'gauge'],
} as const;

/** Says how a limit is when somebody asks; of several of a name, that which has last served a request. */
class ConcurrencyStats extends NumberGroup<typeof statNames> {
  shown: ConcurrencyLimit | undefined;

  override visit(visitor: StatVisitor): void {
    if (this.shown !== undefined) {
      const { n } = this;
      const { isMeasuring, state } = this.shown;
      n.limit = state.limit;
      n.headroom = Math.floor(state.headroom);
      n.gradient = Math.floor(state.gradient * 1_000);
      n.isMeasuring = isMeasuring ? 1 : 0;
      n.minRttMs = Math.round(state.minRttMs);
      n.sampleRttMs = Math.round(state.sampleRttMs);
    }
    super.visit(visitor);
  }
}

/** A request that was let go on; its answer passes unchanged, and that it has come to its end is noted. */
class Admitted implements BodyTransform {
  readonly startMs: number;
  complete = false;

  constructor(startMs: number) {
    this.startMs = startMs;
  }

  data(buffer: Buffer, start: number, end: number, output: BodyOutput): void {
    output.data(buffer, start, end);
  }

  end(trailers: HeaderBlock | undefined, output: BodyOutput): void {
    this.complete = true;
    output.end(trailers);
  }
}

/**
 * Refuses requests beyond a limit that follows how long they take (Envoy, adaptive concurrency filter). Each filter has a
 * limit of its own, which holds for all threads; `path` says where the filter stands in its listener.
 */
export function adaptiveConcurrencyFilter(
  name: string,
  { enabled, status, gradient: rules }: AdaptiveConcurrency,
  statPrefix: string,
  services: FilterServices,
  path: string,
): CompiledHttpFilter {
  const prefix = `http.${statPrefix}.adaptive_concurrency.gradient_controller.`;
  const stats = services.statGroup(prefix, () => {
    const labels = { http_conn_manager_prefix: statPrefix };
    return new ConcurrencyStats(
      prefix,
      'envoy_http_adaptive_concurrency_gradient_controller_',
      labels,
      statNames,
    );
  });
  const { clock } = services;
  const limit = concurrencyLimit(rules, clock.monotonicMs(), placeWithin(services.limits, path));
  stats.shown ??= limit;
  const admitted = new WeakMap<FilterExchange, Admitted>();

  return {
    name,
    onRequest(exchange) {
      if (!enabled() || exchange.healthCheck) return 'continue';
      const nowMs = clock.monotonicMs();
      stats.shown = limit;
      if (!limit.admit(nowMs)) {
        stats.n.blocked++;
        exchange.reply(status, 'reached concurrency limit', 'reached_concurrency_limit');
        return 'stop';
      }
      const request = new Admitted(nowMs);
      admitted.set(exchange, request);
      exchange.atEnd(() => {
        if (request.complete) limit.record(request.startMs, clock.monotonicMs(), exchange.random);
        else limit.cancel();
      });
      return 'continue';
    },
    onResponse(exchange, _response, endStream) {
      const request = admitted.get(exchange);
      if (request === undefined) return;
      if (endStream) request.complete = true;
      else exchange.transformResponse(request);
    },
  };
}
