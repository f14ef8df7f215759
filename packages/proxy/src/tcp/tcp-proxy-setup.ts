import type { ClusterRef } from '../cluster/cluster-set.ts';
import type { SubsetCriteria } from '../decide/subset-criteria.ts';
import type { CancelDemand, DemandOutcome } from '../on-demand/on-demand.ts';
import type { CompiledAccessLog } from '../telemetry/access-log.ts';
import type { ConnectionCell } from '../telemetry/mesh-cells.ts';
import type { StreamInfo } from '../telemetry/stream-info.ts';
import type { TcpStats } from '../telemetry/tcp-stats.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import type { Turn } from '../wire/turn.ts';
import type { Tunnel } from './tunnel.ts';

/** A cluster with the upper end of its share. */
export interface TcpTarget {
  readonly ref: ClusterRef;
  readonly upTo: number;
  readonly subset: SubsetCriteria | undefined;
}

/** A TCP proxy filter, compiled: the same for all its connections. */
export interface TcpProxySetup {
  readonly targets: readonly TcpTarget[];
  readonly totalWeight: number;
  /** Where the cluster is the server name that the client asks for (`envoy.filters.network.sni_cluster`). */
  readonly byServerName: ((name: string) => ClusterRef) | undefined;
  /** 0: none. */
  readonly idleTimeoutMs: number;
  /** 0: none. */
  readonly maxDurationMs: number;
  readonly maxConnectAttempts: number;
  /** Waits for a cluster that is not known; undefined where a connection without one ends. */
  readonly fetchCluster: ((name: string, done: (outcome: DemandOutcome) => void) => CancelDemand) | undefined;
  /** Undefined where connections are made to endpoints. */
  readonly tunnel: Tunnel | undefined;
  readonly accessLogs: readonly CompiledAccessLog[];
  readonly logOnConnected: boolean;
  /** 0: only at the end. */
  readonly logIntervalMs: number;
  readonly stats: TcpStats;
  readonly turn: Turn;
  readonly timers: CoarseTimers;
  readonly random: () => number;
  /** Of the client's address, for consistent balancers. */
  readonly hash: ((clientIp: string) => bigint) | undefined;
  /** The cell that a connection is counted in, when it has come to an endpoint; undefined where nobody counts. */
  readonly observe: ((info: StreamInfo) => ConnectionCell) | undefined;
  /** How often the cell is told of the bytes of a connection that lasts; 0: at its end only. */
  readonly reportIntervalMs: number;
}
