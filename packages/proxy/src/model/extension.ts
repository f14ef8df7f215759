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

/** A filter whose configuration comes by itself, with what it may be. */
export interface DiscoveredFilter {
  readonly name: string;
  readonly layer: ExtensionConfig['layer'];
  readonly typeNames: readonly string[];
  /** True where its listener waits for it. */
  readonly awaited: boolean;
}

/** The filters of a listener whose configuration comes by itself. */
export function discoveredFiltersOf(listener: Listener): readonly DiscoveredFilter[] {
  const found: DiscoveredFilter[] = [];
  const { defaultFilterChain, filterChains } = listener;
  for (const chain of defaultFilterChain === undefined
    ? filterChains
    : [...filterChains, defaultFilterChain]) {
    for (const filter of chain.filters) {
      if (filter.kind === 'discovered') found.push({ ...filter, layer: 'network' });
      if (filter.kind !== 'http_connection_manager') continue;
      for (const { name, config } of filter.httpFilters) {
        if (config.kind === 'discovered') found.push({ ...config, name, layer: 'http' });
      }
    }
  }
  return found;
}
