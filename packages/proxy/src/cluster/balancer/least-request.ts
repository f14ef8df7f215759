import type { Host } from '../host.ts';
import type { Balancer } from './balancer.ts';
import { RandomBalancer } from './random.ts';

/** The best of a few hosts drawn at random: the one with the fewest requests under way, by weight. */
export class LeastRequestBalancer implements Balancer {
  readonly #draw: RandomBalancer;
  readonly #choices: number;
  readonly #only: Host | undefined;

  constructor(hosts: readonly Host[], random: () => number, choiceCount: number) {
    this.#draw = new RandomBalancer(hosts, random);
    this.#choices = Math.max(2, choiceCount);
    this.#only = hosts.length === 1 ? hosts[0] : undefined;
  }

  pick(): Host | undefined {
    if (this.#only !== undefined) return this.#only;
    let best = this.#draw.pick();
    if (best === undefined) return undefined;
    for (let i = 1; i < this.#choices; i++) {
      const other = this.#draw.pick() as Host;
      if (other.active < best.active) best = other;
    }
    return best;
  }
}
