import type { Problem } from '@lateen/core';
import type { HeaderMutations } from '../model/http-filter.ts';
import { compileHeaderOperations, type CompiledHeaderOperations } from '../route/header-operations.ts';
import type { CompiledHttpFilter, FilterExchange } from './http-filter.ts';

interface CompiledMutations {
  readonly request: readonly CompiledHeaderOperations[];
  readonly response: readonly CompiledHeaderOperations[];
}

function compile(mutations: HeaderMutations, path: string, bad: Problem[]): CompiledMutations {
  const list = (which: 'request' | 'response'): CompiledHeaderOperations[] =>
    mutations[which].flatMap(
      (operations, i) => compileHeaderOperations(operations, `${path}.${which}_mutations[${i}]`, bad) ?? [],
    );
  return { request: list('request'), response: list('response') };
}

/**
 * Changes headers at its place in the chain (Envoy, header mutation filter): by its own configuration, then by those of
 * route, virtual host and table, or the other way round where the most specific one is to win.
 */
export function headerMutationFilter(
  name: string,
  mutations: HeaderMutations,
  mostSpecificWins: boolean,
  path: string,
  bad: Problem[],
): CompiledHttpFilter {
  const own = compile(mutations, path, bad);
  const ofRoutes = new WeakMap<object, CompiledMutations>();
  const layers = (exchange: FilterExchange): CompiledMutations[] => {
    const { route } = exchange;
    const all = [own];
    if (route === undefined) return all;
    const configs = [route.route.filterConfig, route.virtualHost.filterConfig, route.table.filterConfig];
    const found = configs.flatMap((config) => {
      const one = config[name];
      if (one?.kind !== 'header_mutation') return [];
      let compiled = ofRoutes.get(one);
      if (compiled === undefined) {
        compiled = compile(one.mutations, path, []);
        ofRoutes.set(one, compiled);
      }
      return [compiled];
    });
    return [...all, ...(mostSpecificWins ? found.toReversed() : found)];
  };
  return {
    name,
    onRequest(exchange) {
      for (const { request } of layers(exchange)) {
        for (const operations of request) operations.apply(exchange.head.headers, exchange);
      }
      return 'continue';
    },
    onResponse(exchange, response) {
      for (const layer of layers(exchange)) {
        for (const operations of layer.response) operations.apply(response.headers, exchange);
      }
    },
  };
}
