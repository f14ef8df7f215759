import { headerName, type HeaderName } from '../codec/header-name.ts';
import { compileHeaderMatch } from '../decide/header-match.ts';
import type { FaultPolicy } from '../model/http-filter.ts';
import type { Fraction } from '../model/string-match.ts';
import type { FaultStats } from '../telemetry/fault-stats.ts';
import { flag } from '../telemetry/response-flags.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';
import { TickBucket } from './byte-bucket.ts';
import { SlowedBody } from './slowed-body.ts';

/** How often a slowed answer is let go on. */
const tickMs = 50;
const delayHeader = headerName('x-envoy-fault-delay-request');
const delayShareHeader = headerName('x-envoy-fault-delay-request-percentage');
const abortHeader = headerName('x-envoy-fault-abort-request');
const abortGrpcHeader = headerName('x-envoy-fault-abort-grpc-request');
const abortShareHeader = headerName('x-envoy-fault-abort-request-percentage');
const rateHeader = headerName('x-envoy-fault-throughput-response');
const rateShareHeader = headerName('x-envoy-fault-throughput-response-percentage');
const nodeHeader = headerName('x-envoy-downstream-service-node');

interface Fault {
  onRequest(exchange: FilterExchange): 'continue' | 'stop';
  onResponse(exchange: FilterExchange): void;
}

function numberIn(exchange: FilterExchange, name: HeaderName): number | undefined {
  const text = exchange.head.headers.get(name);
  const value = Number(text);
  return text === undefined || text === '' || !Number.isInteger(value) || value < 0 ? undefined : value;
}

/** Draws for a share; a header may ask for a smaller one where the fault is steered by headers. */
function hits(exchange: FilterExchange, fraction: Fraction, shareHeader: HeaderName | undefined): boolean {
  const asked = shareHeader === undefined ? undefined : numberIn(exchange, shareHeader);
  const numerator = Math.min(fraction.numerator, asked ?? fraction.numerator);
  return exchange.random() * fraction.denominator < numerator;
}

/** Of a filter that is there for the routes that have faults. */
const noFault: Fault = { onRequest: () => 'continue', onResponse() {} };

function compileFault(policy: FaultPolicy, stats: FaultStats): Fault {
  const tests = policy.headers.map(compileHeaderMatch);
  const { delay, abort, rate, upstreamCluster, downstreamNodes = [] } = policy;

  const concerns = (exchange: FilterExchange): boolean => {
    if (!tests.every((test) => test(exchange.head))) return false;
    if (downstreamNodes.length > 0) {
      const node = exchange.head.headers.get(nodeHeader);
      if (node === undefined || !downstreamNodes.includes(node)) return false;
    }
    if (upstreamCluster === '') return true;
    const action = exchange.route?.action;
    return (
      action?.kind === 'forward' && action.choose(exchange.head, exchange.draw)?.ref.name === upstreamCluster
    );
  };
  const mayBegin = (): boolean => {
    const { maxActiveFaults } = policy;
    if (maxActiveFaults === undefined || stats.active < maxActiveFaults) return true;
    stats.n.overflow++;
    return false;
  };
  const delayMs = (exchange: FilterExchange): number => {
    if (delay === undefined) return 0;
    if ('fixedMs' in delay) return hits(exchange, delay.fraction, undefined) ? delay.fixedMs : 0;
    const asked = numberIn(exchange, delayHeader) ?? 0;
    return asked > 0 && hits(exchange, delay.fraction, delayShareHeader) ? asked : 0;
  };
  const answer = (exchange: FilterExchange, status: number, grpcStatus?: number): true => {
    stats.n.abortsInjected++;
    exchange.addFlag(flag.faultInjected);
    const options = grpcStatus === undefined ? {} : { grpcStatus };
    exchange.reply(status, 'fault filter abort', 'fault_filter_abort', options);
    return true;
  };
  const abortNow = (exchange: FilterExchange): boolean => {
    if (abort === undefined) return false;
    const byHeader = abort.kind === 'header' ? abortShareHeader : undefined;
    if (!hits(exchange, abort.fraction, byHeader)) return false;
    if (abort.kind === 'http') return mayBegin() && answer(exchange, abort.status);
    if (abort.kind === 'grpc') return mayBegin() && answer(exchange, 200, abort.status);
    const status = numberIn(exchange, abortHeader);
    if (status !== undefined && status >= 200 && status < 600) return mayBegin() && answer(exchange, status);
    const grpcStatus = numberIn(exchange, abortGrpcHeader);
    return grpcStatus === undefined ? false : mayBegin() && answer(exchange, 200, grpcStatus);
  };
  if (delay === undefined && abort === undefined && rate === undefined) return noFault;
  return {
    onRequest(exchange) {
      if (!concerns(exchange)) return 'continue';
      const waitMs = delayMs(exchange);
      if (waitMs === 0 || !mayBegin()) return abortNow(exchange) ? 'stop' : 'continue';
      stats.n.delaysInjected++;
      exchange.addFlag(flag.delayInjected);
      const end = countActive(exchange, stats);
      exchange.later(waitMs, () => {
        end();
        if (!abortNow(exchange)) exchange.continueRequest();
      });
      return 'stop';
    },
    onResponse(exchange) {
      if (rate === undefined || exchange.details !== 'via_upstream' || !concerns(exchange)) return;
      const asked = rate.kibPerSecond ?? numberIn(exchange, rateHeader) ?? 0;
      const byHeader = rate.kibPerSecond === undefined ? rateShareHeader : undefined;
      if (asked === 0 || !hits(exchange, rate.fraction, byHeader) || !mayBegin()) return;
      stats.n.rateLimitsInjected++;
      countActive(exchange, stats);
      const bucket = new TickBucket(asked * 1_024, tickMs);
      exchange.transformResponse(new SlowedBody(exchange, bucket, tickMs));
    },
  };
}

/** Counts a fault that is under way, until the function is called or the request ends. */
function countActive(exchange: FilterExchange, stats: FaultStats): () => void {
  stats.countActive(1);
  let active = true;
  const end = (): void => {
    if (active) stats.countActive(-1);
    active = false;
  };
  exchange.atEnd(end);
  return end;
}

/** Delays and aborts a share of the requests, and slows answers down; a route's policy takes the place of the filter's own. */
export function faultFilter(name: string, policy: FaultPolicy, stats: FaultStats): CompiledHttpFilter {
  const own = compileFault(policy, stats);
  const ofRoutes = new WeakMap<object, Fault>();
  const faultOf = (exchange: FilterExchange): Fault => {
    const config = exchange.routeConfig(name);
    if (config?.kind !== 'fault') return own;
    let fault = ofRoutes.get(config);
    if (fault === undefined) {
      fault = compileFault(config.policy, stats);
      ofRoutes.set(config, fault);
    }
    return fault;
  };
  return {
    name,
    onRequest: (exchange) => faultOf(exchange).onRequest(exchange),
    onResponse(exchange, _response, endStream) {
      if (!endStream) faultOf(exchange).onResponse(exchange);
    },
  };
}
