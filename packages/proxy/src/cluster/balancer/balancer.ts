import type { LoadBalancing } from '../../model/cluster.ts';
import type { Host } from '../host.ts';
import { LeastRequestBalancer } from './least-request.ts';
import { RandomBalancer } from './random.ts';
import { RoundRobinBalancer } from './round-robin.ts';

/** What a balancer may ask of the request that it places. */
export interface BalancerRequest {
  /** The hash that consistent balancers place the request by; undefined where no policy gives one. */
  hash(): number | undefined;
  /** True for hosts that should not be tried again. */
  shouldAvoid(host: Host): boolean;
}

/** Chooses among a fixed set of hosts; made anew when the set or the health of a host changes. */
export interface Balancer {
  /** Undefined only where there is no host. */
  pick(request: BalancerRequest): Host | undefined;
}

/** The balancer of a policy over these hosts. */
export function createBalancer(
  policy: LoadBalancing,
  hosts: readonly Host[],
  random: () => number,
): Balancer {
  switch (policy.kind) {
    case 'random':
      return new RandomBalancer(hosts, random);
    case 'least_request':
    case 'peak_ewma':
      return new LeastRequestBalancer(
        hosts,
        random,
        policy.kind === 'least_request' ? policy.choiceCount : 2,
      );
    default:
      return new RoundRobinBalancer(hosts, random);
  }
}
