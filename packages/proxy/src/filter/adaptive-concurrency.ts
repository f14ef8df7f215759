import { GradientController } from '../decide/gradient-controller.ts';
import type { AdaptiveConcurrency } from '../model/adaptive-concurrency.ts';
import { NumberGroup } from '../telemetry/number-group.ts';
import type { FilterServices } from './compile-filters.ts';
import type { BodyOutput, BodyTransform, CompiledHttpFilter, FilterExchange } from './http-filter.ts';
import type { HeaderBlock } from '../codec/header-block.ts';

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
 * Refuses requests beyond a limit that follows how long they take (Envoy, adaptive concurrency filter). Each filter, and
 * each worker, has a limit of its own.
 */
export function adaptiveConcurrencyFilter(
  name: string,
  { enabled, status, gradient: rules }: AdaptiveConcurrency,
  statPrefix: string,
  services: FilterServices,
): CompiledHttpFilter {
  const prefix = `http.${statPrefix}.adaptive_concurrency.gradient_controller.`;
  const { n } = services.statGroup(prefix, () => {
    const labels = { http_conn_manager_prefix: statPrefix };
    return new NumberGroup(prefix, 'envoy_http_adaptive_concurrency_gradient_controller_', labels, statNames);
  });
  const { clock } = services;
  let controller: GradientController | undefined;
  const admitted = new WeakMap<FilterExchange, Admitted>();
  const show = (of: GradientController): void => {
    n.limit = of.limit;
    n.headroom = Math.floor(of.headroom);
    n.gradient = Math.floor(of.gradient * 1_000);
    n.isMeasuring = of.isMeasuring ? 1 : 0;
    n.minRttMs = Math.round(of.minRttMs);
    n.sampleRttMs = Math.round(of.sampleRttMs);
  };

  return {
    name,
    onRequest(exchange) {
      if (!enabled() || exchange.healthCheck) return 'continue';
      const nowMs = clock.monotonicMs();
      const control = (controller ??= new GradientController(rules, nowMs, exchange.random));
      const mayPass = control.admit(nowMs);
      show(control);
      if (!mayPass) {
        n.blocked++;
        exchange.reply(status, 'reached concurrency limit', 'reached_concurrency_limit');
        return 'stop';
      }
      const request = new Admitted(nowMs);
      admitted.set(exchange, request);
      exchange.atEnd(() => {
        if (request.complete) control.record(request.startMs, clock.monotonicMs());
        else control.cancel();
        show(control);
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
