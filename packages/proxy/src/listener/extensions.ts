import type { ResourceChange } from '../model/change.ts';
import type { DiscoveredFilter } from '../model/discovered-filter.ts';
import type { ExtensionConfig } from '../model/extension.ts';
import type { HttpFilterConfig } from '../model/http-filter.ts';
import type { FilterChain, Listener } from '../model/listener.ts';
import type { NetworkFilter } from '../model/network-filter.ts';

/** The configuration of a filter as it is now; undefined while there is none. */
export interface ExtensionSlot {
  readonly current: ExtensionConfig | undefined;
}

/** Configurations of filters that come by themselves. */
export class Extensions {
  readonly #slots = new Map<string, { current: ExtensionConfig | undefined }>();

  /** The slot of a name; the same one at each call. */
  slot(name: string): ExtensionSlot {
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      slot = { current: undefined };
      this.#slots.set(name, slot);
    }
    return slot;
  }

  update({ set = [], remove = [] }: ResourceChange<ExtensionConfig>): void {
    for (const config of set)
      (this.slot(config.name) as { current: ExtensionConfig | undefined }).current = config;
    for (const name of remove)
      (this.slot(name) as { current: ExtensionConfig | undefined }).current = undefined;
  }

  /** The configuration of an HTTP filter now: what has come, or its standard. */
  httpConfig(slot: ExtensionSlot, filter: DiscoveredFilter<HttpFilterConfig>): HttpFilterConfig | undefined {
    const { current } = slot;
    const fits = current?.layer === 'http' && filter.typeNames.includes(current.typeName);
    return fits ? current.config : filter.standard;
  }

  /** The listener with each network filter that comes by itself in its place. */
  resolve(listener: Listener): Listener {
    if (!hasDiscovered(listener)) return listener;
    const { defaultFilterChain } = listener;
    return {
      ...listener,
      filterChains: listener.filterChains.map((chain) => this.#resolveChain(chain)),
      ...(defaultFilterChain === undefined
        ? {}
        : { defaultFilterChain: this.#resolveChain(defaultFilterChain) }),
    };
  }

  #resolveChain(chain: FilterChain): FilterChain {
    const filters = chain.filters.map((filter, i): NetworkFilter => {
      if (filter.kind !== 'discovered') return filter;
      const { current } = this.slot(filter.name);
      if (current?.layer === 'network' && filter.typeNames.includes(current.typeName)) return current.filter;
      return filter.standard ?? closing(filter.name, i === chain.filters.length - 1);
    });
    return { ...chain, filters };
  }
}

/** True where a network filter of the listener comes by itself. */
export function hasDiscovered(listener: Listener): boolean {
  const { filterChains, defaultFilterChain } = listener;
  return [...filterChains, ...(defaultFilterChain === undefined ? [] : [defaultFilterChain])].some((chain) =>
    chain.filters.some(({ kind }) => kind === 'discovered'),
  );
}

/** As Envoy: without the configuration of a filter connections are closed. */
function closing(name: string, isLast: boolean): NetworkFilter {
  return isLast
    ? { name, kind: 'direct_response', body: new Uint8Array() }
    : { name, kind: 'connection_limit', statPrefix: '', maxConnections: 0, delayMs: 0 };
}
