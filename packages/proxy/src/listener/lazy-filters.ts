import type { Listener } from '../model/listener.ts';
import type * as mongoProxy from '../mongo/mongo-proxy.ts';
import type * as redisProxy from '../redis/redis-proxy.ts';
import type * as connectionCheck from './connection-check.ts';
import type * as watchedRules from './watched-rules.ts';

/** Network filters whose programs are loaded when a listener first asks for them: most proxies never do. */
export class LazyFilters {
  #mongo: typeof mongoProxy | undefined;
  #redis: typeof redisProxy | undefined;
  #connectionCheck: typeof connectionCheck | undefined;
  #watchedRules: typeof watchedRules | undefined;

  /** Loads what the listener's chains need; to be awaited before the listener is compiled. */
  async load({ filterChains, defaultFilterChain }: Listener): Promise<void> {
    const chains = defaultFilterChain === undefined ? filterChains : [...filterChains, defaultFilterChain];
    for (const { filters } of chains) {
      for (const { kind } of filters) {
        if (kind === 'mongo_proxy') {
          this.#mongo ??= await import('../mongo/mongo-proxy.ts');
          this.#watchedRules ??= await import('./watched-rules.ts');
        }
        if (kind === 'ext_authz') this.#connectionCheck ??= await import('./connection-check.ts');
        if (kind === 'redis_proxy') this.#redis ??= await import('../redis/redis-proxy.ts');
      }
    }
  }

  get mongo(): typeof mongoProxy {
    return loaded(this.#mongo);
  }

  get watchedRules(): typeof watchedRules {
    return loaded(this.#watchedRules);
  }

  get connectionCheck(): typeof connectionCheck {
    return loaded(this.#connectionCheck);
  }

  get redis(): typeof redisProxy {
    return loaded(this.#redis);
  }
}

function loaded<T>(program: T | undefined): T {
  if (program === undefined) throw new Error('filters are compiled only after load()');
  return program;
}
