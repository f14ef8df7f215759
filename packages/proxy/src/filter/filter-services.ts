import type { LimitPlace } from './rate-limit/limit-place.ts';
import type { Clock } from '@lateen/core';
import type { CallContext } from '../call/index.ts';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import type { Extensions } from '../listener/extensions.ts';
import type { Introduction } from '../codec/acquaintance.ts';
import type { CorsStats } from '../telemetry/cors-stats.ts';
import type { FaultStats } from '../telemetry/fault-stats.ts';
import type { Upkeep } from './upkeep.ts';
import type { PeerTable } from '../telemetry/peer.ts';
import type { StatGroup } from '../telemetry/stat-group.ts';
import type { RateLimitStats } from '../telemetry/rate-limit-stats.ts';
import type { OnDemand } from '../on-demand/on-demand.ts';
import type { LazyHttpFilters } from './lazy-http-filters.ts';
import type { RbacReports } from './rbac.ts';
import type { SharedFetches } from '../workers/shared-fetches.ts';

/** What filters share in a data plane. */
export interface FilterServices {
  readonly clock: Clock;
  /** Where the listener's limits are counted for all threads; undefined: by each for itself. */
  readonly limits: LimitPlace | undefined;
  /** What is fetched once for all threads; undefined: each fetches for itself. */
  readonly fetches: SharedFetches | undefined;
  /** For filters that ask others. */
  readonly calls: CallContext;
  readonly clusterRef: (name: string) => ClusterRef;
  /** The cluster that this proxy belongs to (`--service-cluster`); empty where it is not told. */
  readonly nodeCluster: string;
  /** The id of this proxy (`--service-node`). */
  readonly nodeId: string;
  readonly nodeMetadata: Readonly<Record<string, unknown>>;
  /** Loaded for the listeners that need them. */
  readonly lazy: LazyHttpFilters;
  /** Statistics that are made when they are first used: those of a key are the same for all. */
  readonly statGroup: <T extends StatGroup>(key: string, create: () => T) => T;
  readonly rbacReports: (layer: 'http' | 'network', statPrefix: string) => RbacReports;
  readonly rateLimitStats: (statPrefix: string) => RateLimitStats;
  readonly faultStats: (statPrefix: string) => FaultStats;
  readonly corsStats: (statPrefix: string) => CorsStats;
  readonly onDemand: OnDemand;
  readonly healthCheckFailed: () => boolean;
  readonly extensions: Extensions;
  readonly introduction: Introduction | undefined;
  readonly peers: PeerTable;
  /** What goes on by itself while the listener that is compiled is in force. */
  readonly upkeep: Upkeep;
}
