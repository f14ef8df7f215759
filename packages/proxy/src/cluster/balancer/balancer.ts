import type { LoadBalancing } from '../../model/cluster.ts';
import type { Host } from '../host.ts';
import { BoundedLoadBalancer } from './bounded-load.ts';
import type { HashFunction } from './hash-function.ts';
import { LeastRequestBalancer } from './least-request.ts';
import { MaglevBalancer } from './maglev.ts';
import { PeakEwmaBalancer } from './peak-ewma.ts';
import { RandomBalancer } from './random.ts';
import { RingHashBalancer } from './ring-hash.ts';
import { RoundRobinBalancer } from './round-robin.ts';

/** What a balancer may ask of the request that it places. */
export interface BalancerRequest {
  /** The hash that consistent balancers place the request by; undefined where no policy gives one. */
  hash(): bigint | undefined;
  /** How often a host was chosen and found not wanted for the same attempt: consistent balancers go on by so many. */
  readonly selection: number;
  /** Priorities that failed the request before; others are used as long as they have somebody. */
  readonly avoidPriorities?: ReadonlySet<number> | undefined;
}

/** Chooses among a fixed set of hosts; made anew when the set or the health of a host changes. */
export interface Balancer {
  /** Undefined only where there is no host. */
  pick(request: BalancerRequest): Host | undefined;
}

/** What balancers are made with. */
export interface BalancerContext {
  /** In [0, 1). */
  readonly random: () => number;
  /** Monotonic time of the turn. */
  readonly nowMs: () => number;
  readonly hash: HashFunction;
}

/** True where requests are placed by their hash. */
export function isConsistent(policy: LoadBalancing): boolean {
  return policy.kind === 'ring_hash' || policy.kind === 'maglev';
}

/**
 * The balancer of a policy over these hosts. `weights` (in the order of the hosts) replace the hosts' own for
 * consistent balancers, which bring the weights of localities in so.
 */
export function createBalancer(
  policy: LoadBalancing,
  hosts: readonly Host[],
  context: BalancerContext,
  weights?: Float64Array,
): Balancer {
  switch (policy.kind) {
    case 'random':
      return new RandomBalancer(hosts, context);
    case 'least_request':
      return new LeastRequestBalancer(hosts, context, policy);
    case 'peak_ewma':
      return new PeakEwmaBalancer(hosts, context, policy.decayMs);
    case 'ring_hash':
    case 'maglev': {
      const inner =
        policy.kind === 'maglev'
          ? new MaglevBalancer(hosts, context, policy, weights)
          : new RingHashBalancer(hosts, context, policy, weights);
      const { hashBalanceFactor } = policy;
      if (hashBalanceFactor === undefined || hosts.length < 2) return inner;
      return new BoundedLoadBalancer(inner, hosts, context, hashBalanceFactor, weights);
    }
    case 'round_robin':
      return new RoundRobinBalancer(hosts, context, policy.slowStart);
    default:
      return new RoundRobinBalancer(hosts, context, undefined);
  }
}
