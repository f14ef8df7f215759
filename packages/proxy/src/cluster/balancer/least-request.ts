import type { SlowStart } from '../../model/cluster.ts';
import type { Host } from '../host.ts';
import type { Balancer, BalancerContext } from './balancer.ts';
import { hostWeight, weighAlike } from './host-weight.ts';
import { WeightedSchedule } from './weighted-schedule.ts';

export interface LeastRequestOptions {
  readonly choiceCount: number;
  readonly activeRequestBias: number;
  readonly fullScan?: boolean | undefined;
  readonly slowStart?: SlowStart | undefined;
}

/**
 * The host with the fewest requests under way. Of hosts that weigh the same, a few are drawn and the best
 * is taken; otherwise they take turns by `weight / (requests + 1) ^ bias`.
 * Source: Envoy, "Weighted least request".
 */
export class LeastRequestBalancer implements Balancer {
  readonly #hosts: readonly Host[];
  readonly #random: () => number;
  readonly #choices: number;
  readonly #fullScan: boolean;
  readonly #schedule: WeightedSchedule | undefined;

  constructor(hosts: readonly Host[], context: BalancerContext, options: LeastRequestOptions) {
    const { slowStart, activeRequestBias: bias } = options;
    this.#hosts = hosts;
    this.#random = context.random;
    this.#choices = Math.max(2, options.choiceCount);
    this.#fullScan = options.fullScan === true;
    if (hosts.length > 1 && (slowStart !== undefined || !weighAlike(hosts))) {
      const weightOf = hostWeight(slowStart, context.nowMs);
      const now = (i: number): number => {
        const host = hosts[i] as Host;
        const weight = weightOf(host);
        if (bias === 0) return weight;
        return weight / (bias === 1 ? host.active + 1 : (host.active + 1) ** bias);
      };
      this.#schedule = new WeightedSchedule(hosts.length, now, context.random);
    }
  }

  pick(): Host | undefined {
    const hosts = this.#hosts;
    if (this.#schedule !== undefined) return hosts[this.#schedule.next()];
    const { length } = hosts;
    if (length <= 1) return hosts[0];
    if (this.#fullScan) return this.#scan();
    const random = this.#random;
    let best = hosts[Math.floor(random() * length)] as Host;
    for (let i = 1; i < this.#choices; i++) {
      const other = hosts[Math.floor(random() * length)] as Host;
      if (other.active < best.active) best = other;
    }
    return best;
  }

  /** The best of all; any of them where several are. */
  #scan(): Host {
    let best = this.#hosts[0] as Host;
    let alike = 1;
    for (let i = 1; i < this.#hosts.length; i++) {
      const host = this.#hosts[i] as Host;
      if (host.active > best.active) continue;
      if (host.active < best.active) alike = 0;
      if (this.#random() * ++alike < 1) best = host;
    }
    return best;
  }
}
