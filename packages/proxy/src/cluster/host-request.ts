import type { HeaderName } from '../codec/header-name.ts';
import type { SubsetCriteria } from '../decide/subset-criteria.ts';
import type { SocketAddress } from '../model/address.ts';
import type { Metadata } from '../model/metadata.ts';
import type { RedisReadPolicy } from '../model/redis.ts';
import type { BalancerRequest } from './balancer/balancer.ts';
import type { HostOverride } from './host-override.ts';

/** What a choice of endpoint depends on. */
export interface HostRequest extends BalancerRequest {
  /** Where the client wanted to go, for original-destination clusters. */
  readonly originalDestination: SocketAddress | undefined;
  /** A header of the request; undefined for connections. */
  headerValue?(name: HeaderName): string | undefined;
  readonly dynamicMetadata?: Metadata | undefined;
  /** What the metadata of the endpoint must be, for clusters with subsets. */
  readonly subset: SubsetCriteria | undefined;
  readonly override?: HostOverride | undefined;
  /** Of a key in a Redis Cluster: its slot, and who may answer. */
  readonly redis?: { readonly slot: number; readonly policy: RedisReadPolicy } | undefined;
}
