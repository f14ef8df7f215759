import type { Host } from '../host.ts';
import type { Balancer } from './balancer.ts';

/**
 * One host after the other; with unequal weights the host with the earliest deadline, where each
 * pick moves a host's deadline on by the inverse of its weight.
 */
export class RoundRobinBalancer implements Balancer {
  readonly #hosts: readonly Host[];
  #next: number;
  /** A binary heap of positions, by deadline; undefined where all weights are equal. */
  readonly #heap: Int32Array | undefined;
  readonly #deadlines: Float64Array | undefined;

  constructor(hosts: readonly Host[], random: () => number) {
    this.#hosts = hosts;
    // Many proxies start at the same moment: they shall not all start with the same host.
    this.#next = hosts.length === 0 ? 0 : Math.floor(random() * hosts.length);
    if (hosts.some((host) => host.weight !== hosts[0]?.weight)) {
      this.#deadlines = Float64Array.from(hosts, (host) => random() / host.weight);
      const deadlines = this.#deadlines;
      this.#heap = Int32Array.from(hosts, (_, i) => i).sort(
        (a, b) => (deadlines[a] as number) - (deadlines[b] as number),
      );
    }
  }

  pick(): Host | undefined {
    if (this.#heap !== undefined) return this.#pickWeighted(this.#heap, this.#deadlines as Float64Array);
    const hosts = this.#hosts;
    if (hosts.length === 0) return undefined;
    if (this.#next >= hosts.length) this.#next = 0;
    return hosts[this.#next++];
  }

  #pickWeighted(heap: Int32Array, deadlines: Float64Array): Host {
    const top = heap[0] as number;
    const host = this.#hosts[top] as Host;
    const deadline = (deadlines[top] as number) + 1 / host.weight;
    deadlines[top] = deadline;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      const right = child + 1;
      if (
        right < heap.length &&
        (deadlines[heap[right] as number] as number) < (deadlines[heap[child] as number] as number)
      ) {
        child = right;
      }
      if ((deadlines[heap[child] as number] as number) >= deadline) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = top;
    return host;
  }
}
