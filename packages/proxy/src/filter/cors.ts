import { headerName, names } from '../codec/header-name.ts';
import { compileStringMatch } from '../decide/string-match.ts';
import type { CorsPolicy } from '../model/http-filter.ts';
import type { CorsStats } from '../telemetry/cors-stats.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

const requestMethod = headerName('access-control-request-method');
const requestPrivateNetwork = headerName('access-control-request-private-network');
const allowOrigin = headerName('access-control-allow-origin');
const allowCredentials = headerName('access-control-allow-credentials');
const exposeHeaders = headerName('access-control-expose-headers');

interface CompiledCors {
  readonly policy: CorsPolicy;
  readonly allows: (origin: string) => boolean;
}

function compile(policy: CorsPolicy): CompiledCors {
  const tests = policy.allowOrigins.map(compileStringMatch);
  // A match of `*` itself stands for every origin, also a pattern such as `\\*` (Envoy, `CorsFilter::isOriginAllowed`).
  const any = tests.some((test) => test('*'));
  return { policy, allows: (origin) => any || tests.some((test) => test(origin)) };
}

/** Answers preflights and marks responses, by the policy of the route (Envoy, CORS filter). */
export function corsFilter(
  name: string,
  policy: CorsPolicy | undefined,
  stats: CorsStats,
): CompiledHttpFilter {
  const own = policy === undefined ? undefined : compile(policy);
  const ofRoutes = new WeakMap<object, CompiledCors>();
  const policyOf = (exchange: FilterExchange): CompiledCors | undefined => {
    const config = exchange.routeConfig(name);
    const action = exchange.route?.route.action;
    const wanted =
      (config?.kind === 'cors' ? config.policy : undefined) ??
      (action?.kind === 'forward' ? action.cors : undefined) ??
      exchange.route?.virtualHost.cors;
    if (wanted === undefined) return own;
    let compiled = ofRoutes.get(wanted);
    if (compiled === undefined) {
      compiled = compile(wanted);
      ofRoutes.set(wanted, compiled);
    }
    return compiled;
  };
  // One draw for a request and its answer.
  const isEnabled = ({ policy: { enabled } }: CompiledCors, draw: number): boolean =>
    enabled === undefined || draw * enabled.denominator < enabled.numerator;
  return {
    name,
    onRequest(exchange) {
      const { headers, method } = exchange.head;
      const origin = headers.get(names.origin);
      if (origin === undefined || origin === '') return 'continue';
      const cors = policyOf(exchange);
      if (cors === undefined || !isEnabled(cors, exchange.draw)) return 'continue';
      const allowed = cors.allows(origin);
      if (allowed) stats.originValid++;
      else stats.originInvalid++;
      if (method !== 'OPTIONS' || !headers.has(requestMethod)) return 'continue';
      const rules = cors.policy;
      if (!allowed) {
        if (rules.forwardNotMatchingPreflights) return 'continue';
        exchange.reply(200, '', 'cors_response');
        return 'stop';
      }
      const answer: [string, string][] = [['access-control-allow-origin', origin]];
      if (rules.allowCredentials) answer.push(['access-control-allow-credentials', 'true']);
      if (rules.allowMethods !== '') answer.push(['access-control-allow-methods', rules.allowMethods]);
      if (rules.allowHeaders !== '') answer.push(['access-control-allow-headers', rules.allowHeaders]);
      if (rules.exposeHeaders !== '') answer.push(['access-control-expose-headers', rules.exposeHeaders]);
      if (rules.maxAge !== '') answer.push(['access-control-max-age', rules.maxAge]);
      if (rules.allowPrivateNetwork === true && headers.get(requestPrivateNetwork) === 'true')
        answer.push(['access-control-allow-private-network', 'true']);
      exchange.reply(200, '', 'cors_response', { headers: answer });
      return 'stop';
    },
    onResponse(exchange, response) {
      const origin = exchange.head.headers.get(names.origin);
      if (origin === undefined || response.headers.has(allowOrigin)) return;
      const cors = policyOf(exchange);
      if (cors === undefined || !isEnabled(cors, exchange.draw) || !cors.allows(origin)) return;
      if (exchange.details === 'cors_response') return;
      response.headers.set(allowOrigin, origin);
      if (cors.policy.allowCredentials) response.headers.set(allowCredentials, 'true');
      if (cors.policy.exposeHeaders !== '') response.headers.set(exposeHeaders, cors.policy.exposeHeaders);
    },
  };
}
