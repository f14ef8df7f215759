import { formatProblem, type Logger } from '@lateen/core';
import type { TypeRegistry } from '@lateen/protocol';
import { put, remove, type Change, type State } from '../engine/state.ts';
import type { EnvoyFilter } from '../model/config-object.ts';
import { envoyFilterPatches, envoyFilters } from '../model/tables.ts';
import { decodePatches } from '../translate/envoy-filter/decode-patches.ts';
import { patchTypes } from '../translate/envoy-filter/patch-types.ts';

export interface EnvoyFiltersOptions {
  readonly logger: Logger;
  /** The mesh as it is now. */
  readonly state: () => State;
  /** Takes the filters that were read. */
  readonly apply: (changes: readonly Change[]) => void;
}

/** Reads the patches of EnvoyFilters as messages; what is wrong with one is logged, the rest holds. */
export class EnvoyFilters {
  readonly #options: EnvoyFiltersOptions;
  readonly #logger: Logger;
  readonly #read = new Map<string, EnvoyFilter>();
  #registry: TypeRegistry | undefined;
  #loading: Promise<void> | undefined;

  constructor(options: EnvoyFiltersOptions) {
    this.#options = options;
    this.#logger = options.logger.scope('envoy-filters');
  }

  /** Reads what is new and forgets what has gone. Call it after each change. */
  refresh(): void {
    const state = this.#options.state();
    const keys = state.keys(envoyFilters);
    if (keys.length === 0 && this.#read.size === 0) return;
    if (this.#registry === undefined) {
      this.#loading ??= patchTypes().then((registry) => {
        this.#registry = registry;
        this.refresh();
      });
      return;
    }
    const changes: Change[] = [];
    for (const key of keys) {
      const row = state.row(envoyFilters, key);
      if (row === undefined || this.#read.get(key) === row) continue;
      this.#read.set(key, row);
      changes.push(this.#compile(key, row, this.#registry));
    }
    for (const key of this.#read.keys()) {
      if (state.row(envoyFilters, key) !== undefined) continue;
      this.#read.delete(key);
      changes.push(remove(envoyFilterPatches, key));
    }
    if (changes.length > 0) this.#options.apply(changes);
  }

  /** Resolves when all that there is has been read. */
  async settled(): Promise<void> {
    await this.#loading;
  }

  #compile(key: string, { spec, ...rest }: EnvoyFilter, registry: TypeRegistry): Change {
    const { patches, problems, warnings } = decodePatches(spec, registry);
    for (const problem of [...problems, ...warnings]) {
      this.#logger.warn('a patch of an EnvoyFilter does not do what it says', {
        filter: key,
        problem: formatProblem(problem),
      });
    }
    return put(envoyFilterPatches, key, { ...rest, spec, patches });
  }
}
