import type { Host } from '../host.ts';
import type { Balancer, BalancerContext } from './balancer.ts';
import { weighAlike } from './host-weight.ts';

/** Each request goes to any host, by weight. */
export class RandomBalancer implements Balancer {
  readonly #hosts: readonly Host[];
  readonly #random: () => number;
  /** Running sums of the weights; undefined where all weights are equal. */
  readonly #sums: Float64Array | undefined;

  constructor(hosts: readonly Host[], context: Pick<BalancerContext, 'random'>) {
    this.#hosts = hosts;
    this.#random = context.random;
    if (!weighAlike(hosts)) {
      let sum = 0;
      this.#sums = Float64Array.from(hosts, (host) => (sum += host.weight));
    }
  }

  pick(): Host | undefined {
    const sums = this.#sums;
    if (sums === undefined) return this.#hosts[Math.floor(this.#random() * this.#hosts.length)];
    const wanted = this.#random() * (sums.at(-1) ?? 0);
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sums[middle] as number) > wanted) high = middle;
      else low = middle + 1;
    }
    return this.#hosts[low];
  }
}
