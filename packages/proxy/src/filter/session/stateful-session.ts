import type { Clock } from '@lateen/core';
import type { StatefulSession } from '../../model/stateful-session.ts';
import type { CompiledHttpFilter, FilterExchange } from '../http-filter.ts';
import { compileSession, type CompiledSession } from './session-state.ts';

interface Compiled {
  readonly strict: boolean;
  readonly session: CompiledSession | undefined;
}

function compile({ state, strict }: StatefulSession): Compiled {
  return { strict, session: state === undefined ? undefined : compileSession(state) };
}

/**
 * Sends the requests of a session to one endpoint, whatever the balancer would choose, and tells clients which it
 * was (Envoy, stateful session filter).
 */
export function statefulSessionFilter(
  name: string,
  config: StatefulSession,
  clock: Clock,
): CompiledHttpFilter {
  const own = compile(config);
  const ofRoutes = new WeakMap<object, Compiled>();
  const sessions = new WeakMap<
    FilterExchange,
    { readonly session: CompiledSession; readonly address: string | undefined }
  >();
  const nowSeconds = (): number => Math.floor(clock.now() / 1_000);
  const configOf = (exchange: FilterExchange): Compiled => {
    const route = exchange.routeConfig(name);
    if (route?.kind !== 'stateful_session') return own;
    let compiled = ofRoutes.get(route);
    if (compiled === undefined) {
      compiled = compile(route.session);
      ofRoutes.set(route, compiled);
    }
    return compiled;
  };
  return {
    name,
    onRequest(exchange) {
      const { session, strict } = configOf(exchange);
      if (session?.applies(exchange.head) !== true) return 'continue';
      const address = session.read(exchange.head, nowSeconds());
      if (address !== undefined) exchange.hostOverride = { address, strict };
      sessions.set(exchange, { session, address });
      return 'continue';
    },
    onResponse(exchange, response) {
      const known = sessions.get(exchange);
      const address = exchange.endpoint?.key;
      if (known === undefined || address === undefined || address === known.address) return;
      known.session.write(response.headers, address, nowSeconds());
    },
  };
}
