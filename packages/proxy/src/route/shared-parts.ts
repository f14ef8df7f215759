import type { ClusterRef } from '../cluster/cluster-set.ts';
import { headerLine, type HeaderLine } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import { expectedMs, type RequestTiming } from './request-timing.ts';
import type { ClusterTarget } from './route-action.ts';

/** The times of a route, and what endpoints are told of them. */
export interface ToldTiming {
  readonly timing: RequestTiming;
  /** `x-envoy-expected-rq-timeout-ms`; undefined where the time is not limited. */
  readonly expectedTimeout: HeaderLine | undefined;
}

/**
 * Parts that many routes of a table have alike, each made once: it is less memory, and less of it that has to come into
 * the processor's caches for a request.
 */
export class SharedParts {
  readonly #targets = new Map<string, ClusterTarget>();
  readonly #timings = new Map<string, ToldTiming>();
  readonly #clusterRef: (name: string) => ClusterRef;

  constructor(clusterRef: (name: string) => ClusterRef) {
    this.#clusterRef = clusterRef;
  }

  /** A cluster of which the choice changes nothing. */
  plainTarget(name: string): ClusterTarget {
    let target = this.#targets.get(name);
    if (target === undefined) {
      target = plainTarget(this.#clusterRef(name));
      this.#targets.set(name, target);
    }
    return target;
  }

  timing(timing: RequestTiming): ToldTiming {
    const { globalMs, perTryMs, perTryIdleMs, hedge } = timing;
    const key = `${globalMs} ${perTryMs} ${perTryIdleMs} ${hedge}`;
    let told = this.#timings.get(key);
    if (told === undefined) {
      const ms = expectedMs(timing);
      told = {
        timing,
        expectedTimeout: ms > 0 ? headerLine(names.expectedTimeout, String(ms)) : undefined,
      };
      this.#timings.set(key, told);
    }
    return told;
  }
}

export function plainTarget(ref: ClusterRef): ClusterTarget {
  return {
    ref,
    requestHeaders: undefined,
    responseHeaders: undefined,
    hostRewrite: undefined,
    subset: undefined,
    filterConfig: undefined,
  };
}
