import type { Host } from '../host.ts';
import type { Balancer, BalancerContext, BalancerRequest } from './balancer.ts';
import { normalizedWeights, requestHash } from './request-hash.ts';

/**
 * Keeps a consistent balancer from overloading a host: one that has more than its share of the requests under
 * way, by `factor` per cent, is passed over for another, which the hash of the request decides as well.
 * Source: Envoy, `hash_balance_factor`; Mirrokni et al., "Consistent Hashing with Bounded Loads".
 */
export class BoundedLoadBalancer implements Balancer {
  readonly #inner: Balancer;
  readonly #hosts: readonly Host[];
  readonly #shares: Map<Host, number>;
  readonly #factor: number;
  readonly #random: () => number;

  constructor(
    inner: Balancer,
    hosts: readonly Host[],
    context: BalancerContext,
    factor: number,
    weights: Float64Array | undefined,
  ) {
    this.#inner = inner;
    this.#hosts = hosts;
    this.#factor = factor;
    this.#random = context.random;
    const shares = normalizedWeights(hosts, weights);
    this.#shares = new Map(hosts.map((host, i) => [host, shares[i] ?? 0]));
  }

  pick(request: BalancerRequest): Host | undefined {
    const hash = requestHash(request, this.#random);
    const wanted = this.#inner.pick({ hash: () => hash, selection: request.selection });
    if (wanted === undefined) return undefined;
    let active = 0;
    for (const host of this.#hosts) active += host.active;
    const slots = Math.floor(((active + 1) * this.#factor + 99) / 100);
    if (this.#overload(wanted, slots) <= 1) return wanted;
    // The others in an order that follows from the hash, so that the same requests go to the same place again.
    let state = Number(hash & 0xffff_ffffn) || 1;
    const order = this.#hosts.filter((host) => host !== wanted);
    let best = wanted;
    for (let i = 0; i < order.length; i++) {
      state = Math.imul(state, 1_664_525) + 1_013_904_223;
      const j = i + ((state >>> 8) % (order.length - i));
      const host = order[j] as Host;
      order[j] = order[i] as Host;
      order[i] = host;
      if (this.#overload(host, slots) <= 1) return host;
      if (this.#overload(host, slots) < this.#overload(best, slots)) best = host;
    }
    return best;
  }

  /** Above 1: the host has more than it may have; as Envoy, which does not count the request that is to come. */
  #overload(host: Host, slots: number): number {
    const own = Math.max(1, Math.ceil(slots * (this.#shares.get(host) ?? 0)));
    return host.active / own;
  }
}
