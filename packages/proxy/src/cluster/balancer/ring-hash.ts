import type { Host } from '../host.ts';
import type { Balancer, BalancerContext, BalancerRequest } from './balancer.ts';
import { murmurHash2 } from './hash-function.ts';
import { hashKey, normalizedWeights, requestHash } from './request-hash.ts';

export interface RingHashOptions {
  readonly minRingSize: number;
  readonly maxRingSize: number;
  readonly hashFunction: 'xx_hash' | 'murmur_hash_2';
  readonly useHostnameForHashing: boolean;
}

/** Of a hash's 64 bits those that a number holds exactly; their order is that of the hashes. */
function position(hash: bigint): number {
  return Number(hash >> 11n);
}

/**
 * A request goes to the host whose point on a ring comes after that of the request: when a host comes or goes,
 * only its own share of the requests moves. Points are those of Envoy's ring, so that both place alike.
 * Source: Envoy, "Ring hash".
 */
export class RingHashBalancer implements Balancer {
  readonly #context: BalancerContext;
  readonly #hosts: readonly Host[];
  readonly #positions: Float64Array;
  readonly #owners: Uint32Array;

  constructor(
    hosts: readonly Host[],
    context: BalancerContext,
    options: RingHashOptions,
    weights: Float64Array | undefined,
  ) {
    this.#context = context;
    this.#hosts = hosts;
    const shares = normalizedWeights(hosts, weights);
    const least = shares.reduce((a, b) => Math.min(a, b), 1);
    // The least of the hosts gets a whole number of points.
    const scale =
      hosts.length === 0 ? 0 : Math.min(Math.ceil(least * options.minRingSize) / least, options.maxRingSize);
    const hash =
      options.hashFunction === 'murmur_hash_2'
        ? (text: string) => murmurHash2(text)
        : (text: string) => context.hash.xxHash64(text);
    const positions: number[] = [];
    const owners: number[] = [];
    let wanted = 0;
    hosts.forEach((host, owner) => {
      const key = hashKey(host, options.useHostnameForHashing);
      wanted += scale * (shares[owner] as number);
      for (let i = 0; positions.length < wanted; i++) {
        positions.push(position(hash(`${key}_${i}`)));
        owners.push(owner);
      }
    });
    const order = Uint32Array.from(positions.keys()).sort(
      (a, b) => (positions[a] as number) - (positions[b] as number),
    );
    this.#positions = Float64Array.from(order, (i) => positions[i] as number);
    this.#owners = Uint32Array.from(order, (i) => owners[i] as number);
  }

  /** How many points the ring has. */
  get size(): number {
    return this.#positions.length;
  }

  pick(request: BalancerRequest): Host | undefined {
    const positions = this.#positions;
    const size = positions.length;
    if (size === 0) return undefined;
    const wanted = position(requestHash(request, this.#context.random));
    let low = 0;
    let high = size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((positions[middle] as number) < wanted) low = middle + 1;
      else high = middle;
    }
    return this.#hosts[this.#owners[(low + request.selection) % size] as number];
  }
}
