import { compileStringMatch, type TextTest } from '../decide/string-match.ts';
import { names } from '../codec/header-name.ts';
import type { CsrfPolicy } from '../model/http-filter.ts';
import type { Fraction } from '../model/string-match.ts';
import { CounterGroup } from '../telemetry/counter-group.ts';
import type { FilterServices } from './filter-services.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

/** Methods that change something: the others are let through. */
const changing = new Set(['POST', 'PUT', 'DELETE', 'PATCH']);

interface CompiledCsrf {
  readonly policy: CsrfPolicy;
  readonly origins: readonly TextTest[];
}

function compile(policy: CsrfPolicy): CompiledCsrf {
  return { policy, origins: policy.additionalOrigins.map(compileStringMatch) };
}

/** `a.example:8080` of `https://a.example:8080/x`; empty for what is no URL, as `null`. */
export function hostAndPort(url: string): string {
  const scheme = url.indexOf('://');
  if (scheme <= 0) return '';
  const start = scheme + 3;
  let end = start;
  while (end < url.length && url[end] !== '/' && url[end] !== '?' && url[end] !== '#') end++;
  const user = url.lastIndexOf('@', end - 1);
  return url.slice(user >= start ? user + 1 : start, end).toLowerCase();
}

/** Where a request comes from; empty where it does not say. */
function sourceOf({ headers }: FilterExchange['head']): string {
  const origin = hostAndPort(headers.get(names.origin) ?? '');
  return origin === '' ? hostAndPort(headers.get(names.referer) ?? '') : origin;
}

/**
 * Refuses requests that change something and come from a page of somebody else (Envoy, CSRF filter). A route's policy
 * takes the place of the filter's own. Throws where a regular expression is none.
 */
export function csrfFilter(
  name: string,
  policy: CsrfPolicy,
  statPrefix: string,
  services: FilterServices,
): CompiledHttpFilter {
  const own = compile(policy);
  const ofRoutes = new WeakMap<object, CompiledCsrf>();
  const prefix = `http.${statPrefix}.csrf.`;
  const { n } = services.statGroup(
    prefix,
    () =>
      new CounterGroup(prefix, 'envoy_http_csrf_', { http_conn_manager_prefix: statPrefix }, [
        'missing_source_origin',
        'request_invalid',
        'request_valid',
      ]),
  );
  const policyOf = (exchange: FilterExchange): CompiledCsrf => {
    const route = exchange.routeConfig(name);
    if (route?.kind !== 'csrf') return own;
    let compiled = ofRoutes.get(route);
    if (compiled === undefined) {
      compiled = compile(route.policy);
      ofRoutes.set(route, compiled);
    }
    return compiled;
  };
  return {
    name,
    onRequest(exchange) {
      const { head } = exchange;
      if (!changing.has(head.method)) return 'continue';
      const { policy: wanted, origins } = policyOf(exchange);
      const takes = ({ numerator, denominator }: Fraction): boolean =>
        exchange.random() * denominator < numerator;
      const enforced = takes(wanted.enabled);
      if (!enforced && (wanted.shadow === undefined || !takes(wanted.shadow))) return 'continue';
      const source = sourceOf(head);
      if (source === '') n.missing_source_origin++;
      else if (source === head.authority.toLowerCase() || origins.some((test) => test(source))) {
        n.request_valid++;
        return 'continue';
      } else n.request_invalid++;
      if (!enforced) return 'continue';
      exchange.reply(403, 'Invalid origin', 'csrf_origin_mismatch');
      return 'stop';
    },
  };
}
