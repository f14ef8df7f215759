import { names } from '../codec/header-name.ts';
import { isGrpc } from '../codec/grpc-timeout.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { ResponseHead } from '../codec/head.ts';
import { rejectedShare, SuccessWindow } from '../decide/admission.ts';
import type { AdmissionControl } from '../model/admission-control.ts';
import { CounterGroup } from '../telemetry/counter-group.ts';
import type { FilterServices } from './filter-services.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

/** Undefined where the block has none that is a number. */
function grpcStatusIn(headers: HeaderBlock): number | undefined {
  const text = headers.get(names.grpcStatus);
  const status = Number(text);
  return text === undefined || text === '' || !Number.isInteger(status) ? undefined : status;
}

/**
 * Refuses requests by chance while too many of those before them fail (Envoy, admission control filter). The results
 * of requests are looked at for this filter alone, and for each worker by itself, as Envoy's are.
 */
export function admissionControlFilter(
  name: string,
  rules: AdmissionControl,
  statPrefix: string,
  services: FilterServices,
): CompiledHttpFilter {
  const prefix = `http.${statPrefix}.admission_control.`;
  const { n } = services.statGroup(
    prefix,
    () =>
      new CounterGroup(prefix, 'envoy_http_admission_control_', { http_conn_manager_prefix: statPrefix }, [
        'rq_rejected',
        'rq_success',
        'rq_failure',
      ]),
  );
  const { clock } = services;
  const window = new SuccessWindow(rules.windowMs);
  /** Requests whose result says nothing: health checks, and those that were refused here. */
  const uncounted = new WeakSet<FilterExchange>();
  const record = (success: boolean): void => {
    window.record(clock.monotonicMs(), success);
    if (success) n.rq_success++;
    else n.rq_failure++;
  };
  const isHttpSuccess = ({ status }: ResponseHead): boolean =>
    rules.httpSuccess.some(([start, end]) => status >= start && status < end);
  const recordGrpc = (status: number | undefined): void =>
    record(status !== undefined && rules.grpcSuccess.has(status));
  const isRejected = (exchange: FilterExchange): boolean => {
    window.moveTo(clock.monotonicMs());
    if (window.requestsPerSecond < rules.minRequestsPerSecond) return false;
    return exchange.random() < rejectedShare(window, rules);
  };

  return {
    name,
    onRequest(exchange) {
      if (!rules.enabled() || exchange.healthCheck) {
        uncounted.add(exchange);
        return 'continue';
      }
      if (!isRejected(exchange)) return 'continue';
      uncounted.add(exchange);
      n.rq_rejected++;
      exchange.reply(503, '', 'denied_by_admission_control');
      return 'stop';
    },
    onResponse(exchange, response, endStream) {
      if (uncounted.has(exchange)) return;
      if (response.status !== 200 || !isGrpc(response.headers)) {
        record(isHttpSuccess(response));
        return;
      }
      const status = grpcStatusIn(response.headers);
      if (status !== undefined || endStream) {
        recordGrpc(status);
        return;
      }
      exchange.atEnd(() => {
        // Without trailers it was broken off, of which it is not known why.
        const { responseTrailers } = exchange;
        if (responseTrailers !== undefined) recordGrpc(grpcStatusIn(responseTrailers));
      });
    },
  };
}
