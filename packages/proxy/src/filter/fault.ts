import { headerName } from '../codec/header-name.ts';
import { compileHeaderMatch } from '../decide/header-match.ts';
import type { FaultPolicy } from '../model/http-filter.ts';
import type { Fraction } from '../model/string-match.ts';
import { flag } from '../telemetry/response-flags.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

const delayHeader = headerName('x-envoy-fault-delay-request');
const abortHeader = headerName('x-envoy-fault-abort-request');
const abortGrpcHeader = headerName('x-envoy-fault-abort-grpc-request');

type Fault = (exchange: FilterExchange) => 'continue' | 'stop';

function hits(fraction: Fraction, random: () => number): boolean {
  return random() * fraction.denominator < fraction.numerator;
}

function numberIn(exchange: FilterExchange, name: ReturnType<typeof headerName>): number | undefined {
  const text = exchange.head.headers.get(name);
  const value = Number(text);
  return text === undefined || text === '' || !Number.isInteger(value) || value < 0 ? undefined : value;
}

function compileFault(policy: FaultPolicy): Fault {
  const tests = policy.headers.map(compileHeaderMatch);
  const { delay, abort } = policy;
  const delayMs = (exchange: FilterExchange): number | undefined => {
    if (delay === undefined || !hits(delay.fraction, exchange.random)) return undefined;
    return 'fixedMs' in delay ? delay.fixedMs : numberIn(exchange, delayHeader);
  };
  const abortNow = (exchange: FilterExchange): boolean => {
    if (abort === undefined || !hits(abort.fraction, exchange.random)) return false;
    const answer = (status: number, grpcStatus?: number): true => {
      exchange.addFlag(flag.faultInjected);
      const options = grpcStatus === undefined ? {} : { grpcStatus };
      exchange.reply(status, 'fault filter abort', 'fault_filter_abort', options);
      return true;
    };
    if (abort.kind === 'http') return answer(abort.status);
    if (abort.kind === 'grpc') return answer(200, abort.status);
    const status = numberIn(exchange, abortHeader);
    if (status !== undefined && status >= 200 && status < 600) return answer(status);
    const grpcStatus = numberIn(exchange, abortGrpcHeader);
    return grpcStatus === undefined ? false : answer(200, grpcStatus);
  };
  return (exchange) => {
    if (!tests.every((test) => test(exchange.head))) return 'continue';
    const waitMs = delayMs(exchange);
    if (waitMs === undefined || waitMs === 0) return abortNow(exchange) ? 'stop' : 'continue';
    exchange.addFlag(flag.delayInjected);
    exchange.later(waitMs, () => {
      if (!abortNow(exchange)) exchange.continueRequest();
    });
    return 'stop';
  };
}

/** Delays and aborts a share of the requests; a route's policy takes the place of the filter's own. */
export function faultFilter(name: string, policy: FaultPolicy): CompiledHttpFilter {
  const own = compileFault(policy);
  const ofRoutes = new WeakMap<object, Fault>();
  return {
    name,
    onRequest(exchange) {
      const config = exchange.routeConfig(name);
      if (config?.kind === 'disabled') return 'continue';
      if (config?.kind !== 'fault') return own(exchange);
      let fault = ofRoutes.get(config);
      if (fault === undefined) {
        fault = compileFault(config.policy);
        ofRoutes.set(config, fault);
      }
      return fault(exchange);
    },
  };
}
