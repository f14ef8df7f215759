import type { HttpFilterConfig } from './http-filter.ts';
import type { Listener } from './listener.ts';
import type { NetworkFilter } from './network-filter.ts';

/** The configuration of a filter, by the filter's name (ECDS). */
export type ExtensionConfig =
  | {
      readonly name: string;
      readonly typeName: string;
      readonly layer: 'http';
      readonly config: HttpFilterConfig;
    }
  | {
      readonly name: string;
      readonly typeName: string;
      readonly layer: 'network';
      readonly filter: NetworkFilter;
    };

/** The filters of a listener whose configuration comes by itself, with what it may be. */
export function discoveredFiltersOf(
  listener: Listener,
): readonly { readonly name: string; readonly typeNames: readonly string[]; readonly awaited: boolean }[] {
  const found: { name: string; typeNames: readonly string[]; awaited: boolean }[] = [];
  const { defaultFilterChain, filterChains } = listener;
  for (const chain of defaultFilterChain === undefined
    ? filterChains
    : [...filterChains, defaultFilterChain]) {
    for (const filter of chain.filters) {
      if (filter.kind === 'discovered') found.push(filter);
      if (filter.kind !== 'http_connection_manager') continue;
      for (const { name, config } of filter.httpFilters) {
        if (config.kind === 'discovered') found.push({ ...config, name });
      }
    }
  }
  return found;
}
