import type { LogLevel } from '@lateen/core';
import type { OutlierReason } from '../model/cluster.ts';
import type { DrainRequest } from '../drain/drain-listeners.ts';
import type { ConfigSource } from '../model/config-source.ts';
import type { Secret } from '../model/index.ts';
import type { RuntimeValues } from '../runtime/runtime-entry.ts';
import type { StatsSnapshot } from '../telemetry/stats-snapshot.ts';
import type { FetchAnswer, Fetched } from './shared-fetches.ts';
import type { NamedAddresses } from './thread-share.ts';
import type { ResourceUpdate } from '../xds/subscription.ts';

/** What a worker is started with. */
export interface WorkerStart {
  /** From 1 on; 0 is the thread that starts the others. */
  readonly index: number;
  /** Envoy's Bootstrap, encoded; node and statistics are as the command line changed them. */
  readonly bootstrap: Uint8Array;
  /** Of the `SharedCells` of all workers. */
  readonly cells: SharedArrayBuffer;
  /** How many threads there are. */
  readonly threads: number;
  /** As of `ThreadShare`. */
  readonly ticketSecret: Uint8Array;
  readonly drainTimeMs: number;
  readonly drainStrategy: 'gradual' | 'immediate';
  /** The level of everything, and of single scopes. */
  readonly logLevels: readonly (readonly [scope: string | undefined, level: LogLevel])[];
  /** Secrets whose names Istio's agent serves come by message. */
  readonly agentSecrets: boolean;
}

/** What the first worker tells the others. None is answered but those with an `id`. */
export type ToWorker =
  /** What the first worker has taken of a response of a control plane, in the same order for each kind. */
  | { readonly kind: 'resources'; readonly update: ResourceUpdate }
  | { readonly kind: 'secrets'; readonly secrets: readonly Secret[] }
  | { readonly kind: 'runtime'; readonly layer: string; readonly values: RuntimeValues }
  | { readonly kind: 'socket'; readonly id: number; readonly fd: number | undefined }
  | { readonly kind: 'startAccepting' }
  | { readonly kind: 'drainListeners'; readonly request: DrainRequest }
  | { readonly kind: 'startDraining' }
  | { readonly kind: 'stopAccepting'; readonly id: number }
  | { readonly kind: 'drainConnections' }
  | { readonly kind: 'drain'; readonly id: number; readonly ms: number }
  | { readonly kind: 'failHealthChecks'; readonly failed: boolean }
  | { readonly kind: 'resetCounters' }
  | { readonly kind: 'reopenLogs' }
  | { readonly kind: 'logLevel'; readonly scope: string | undefined; readonly level: LogLevel }
  /** A connection that another worker has accepted. */
  | { readonly kind: 'connection'; readonly listener: string; readonly fd: number }
  /** What the first worker has found of a DNS cluster's names. */
  | { readonly kind: 'names'; readonly cluster: string; readonly addresses: NamedAddresses }
  /** The first worker has fetched what goes by this name. */
  | { readonly kind: 'fetched'; readonly name: string; readonly fetched: Fetched }
  | { readonly kind: 'fetchAnswer'; readonly id: number; readonly answer: FetchAnswer }
  /** The first worker waits for no version of the cluster. */
  | { readonly kind: 'serving'; readonly id: number }
  /** Hosts of these clusters are not as they were. */
  | { readonly kind: 'hostsChanged'; readonly clusters: readonly string[] }
  | { readonly kind: 'look'; readonly id: number }
  | { readonly kind: 'close'; readonly id: number };

/** What the endpoints of a cluster have carried for one worker, by their addresses. */
export type EndpointCounts = readonly (readonly [address: string, stats: Readonly<Record<string, number>>])[];

/** What a worker shows of itself. */
export interface WorkerLook {
  readonly stats: StatsSnapshot;
  readonly clusters: readonly (readonly [name: string, endpoints: EndpointCounts])[];
}

/** What a worker tells the first one. */
export type FromWorker =
  | { readonly kind: 'wantSocket'; readonly id: number; readonly address: string }
  /** What is known of a DNS cluster's names is to be told. */
  | { readonly kind: 'wantNames'; readonly cluster: string }
  /** To be answered when no version of the cluster is waited for. */
  | { readonly kind: 'wantServing'; readonly id: number; readonly cluster: string }
  /** What goes by this name is to be fetched, if it is not there; a `fetchAnswer` answers. */
  | { readonly kind: 'wantFetched'; readonly id: number; readonly name: string }
  | { readonly kind: 'log'; readonly line: string }
  /** A cluster or a virtual host is needed that no worker has yet. */
  | { readonly kind: 'seekCluster'; readonly name: string; readonly source: ConfigSource }
  /** A connection that this worker (0: the first one) is to serve. */
  | { readonly kind: 'connection'; readonly thread: number; readonly listener: string; readonly fd: number }
  /** A host has failed too often. */
  | {
      readonly kind: 'outlier';
      readonly cluster: string;
      readonly host: string;
      readonly reason: OutlierReason;
    }
  | { readonly kind: 'giveClusterUp'; readonly name: string }
  | { readonly kind: 'giveHostUp'; readonly name: string }
  | { readonly kind: 'seekHost'; readonly table: string; readonly host: string }
  | { readonly kind: 'answer'; readonly id: number; readonly value?: WorkerLook };
