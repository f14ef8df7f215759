import type { Host } from '../host.ts';
import type { Balancer, BalancerContext } from './balancer.ts';
import { LatencyEstimate } from './latency-estimate.ts';
import { RandomBalancer } from './random.ts';

/**
 * The better of two hosts drawn by weight, where what a host costs is the peak of its latest latencies times
 * the requests that it would have under way: slow hosts are left alone before their queues have grown.
 * Source: Linkerd and Finagle, "peak EWMA".
 */
export class PeakEwmaBalancer implements Balancer {
  readonly #hosts: readonly Host[];
  readonly #draw: RandomBalancer;
  readonly #nowMs: () => number;

  constructor(hosts: readonly Host[], context: BalancerContext, decayMs: number) {
    this.#hosts = hosts;
    this.#draw = new RandomBalancer(hosts, context);
    this.#nowMs = context.nowMs;
    for (const host of hosts) host.latency ??= new LatencyEstimate(decayMs, context.nowMs());
  }

  pick(): Host | undefined {
    const hosts = this.#hosts;
    if (hosts.length <= 1) return hosts[0];
    const one = this.#draw.pick() as Host;
    let other = this.#draw.pick() as Host;
    if (hosts.length === 2) other = (one === hosts[0] ? hosts[1] : hosts[0]) as Host;
    if (one === other) return one;
    const nowMs = this.#nowMs();
    return cost(other, nowMs) < cost(one, nowMs) ? other : one;
  }
}

function cost(host: Host, nowMs: number): number {
  return (host.latency as LatencyEstimate).at(nowMs) * (host.active + 1);
}
