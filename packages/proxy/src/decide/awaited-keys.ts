import type { HttpFilter } from '../model/http-filter.ts';
import type { Listener } from '../model/listener.ts';

function hasAwaited(filters: readonly HttpFilter[]): boolean {
  return filters.some(
    ({ config }) =>
      config.kind === 'jwt_authn' &&
      config.config.providers.some(
        ({ jwks }) => jwks.kind === 'remote' && jwks.async?.fastListener === false,
      ),
  );
}

/**
 * True for listeners that take no connection before keys of issuers have been asked for (`async_fetch` without
 * `fast_listener`), whatever comes of it.
 */
export function awaitsKeys({ filterChains, defaultFilterChain }: Listener): boolean {
  return [...filterChains, ...(defaultFilterChain === undefined ? [] : [defaultFilterChain])].some((chain) =>
    chain.filters.some(
      (filter) =>
        filter.kind === 'http_connection_manager' &&
        (hasAwaited(filter.httpFilters) ||
          filter.upgrades.some(({ filters }) => filters !== undefined && hasAwaited(filters))),
    ),
  );
}
