import type { SlowStart } from '../../model/cluster.ts';
import type { Host } from '../host.ts';
import type { Balancer, BalancerContext } from './balancer.ts';
import { hostWeight, weighAlike } from './host-weight.ts';
import { WeightedSchedule } from './weighted-schedule.ts';

/** One host after the other, by weight. */
export class RoundRobinBalancer implements Balancer {
  readonly #hosts: readonly Host[];
  #next: number;
  /** Undefined where all hosts always weigh the same. */
  readonly #schedule: WeightedSchedule | undefined;

  constructor(hosts: readonly Host[], context: BalancerContext, slowStart: SlowStart | undefined) {
    const { random } = context;
    this.#hosts = hosts;
    this.#next = hosts.length === 0 ? 0 : Math.floor(random() * hosts.length);
    if (hosts.length > 1 && (slowStart !== undefined || !weighAlike(hosts))) {
      const weightOf = hostWeight(slowStart, context.nowMs);
      this.#schedule = new WeightedSchedule(hosts.length, (i) => weightOf(hosts[i] as Host), random);
    }
  }

  pick(): Host | undefined {
    const hosts = this.#hosts;
    if (this.#schedule !== undefined) return hosts[this.#schedule.next()];
    if (hosts.length === 0) return undefined;
    if (this.#next >= hosts.length) this.#next = 0;
    return hosts[this.#next++];
  }
}
