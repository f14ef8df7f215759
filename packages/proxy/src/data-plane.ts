import type { StatsOptions } from './model/stats.ts';
import type { Clock, Logger } from '@lateen/core';
import type { OutlierReason } from './model/cluster.ts';
import type { ClusterCalls } from './call/index.ts';
import type { ClientConnections } from './listener/connection-load.ts';
import type { OnDemand } from './on-demand/on-demand.ts';
import type { OverloadState } from './overload/overload-state.ts';
import type { Runtime } from './runtime/runtime.ts';
import type { StatsSnapshot } from './telemetry/stats-snapshot.ts';
import type { LazyOpenssl } from './tls/openssl/openssl.ts';
import type { NamedAddresses, ThreadShare } from './workers/thread-share.ts';
import type { NodeIdentity } from './model/node-identity.ts';
import type { ClusterStatus, ListenerChoice, ListenerStatus } from './model/status.ts';
import type { StatsView } from './telemetry/stats-view.ts';
import type { DrainStrategy } from './drain/drain-schedule.ts';
import type { Address } from './model/address.ts';
import type { ApplyResult, DataPlaneChange } from './model/change.ts';
import type { Cluster } from './model/cluster.ts';
import type { Listener } from './model/listener.ts';
import type { RouteConfiguration } from './model/route.ts';

export interface DataPlaneOptions {
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly node?: NodeIdentity;
  /** The cluster whose endpoints are this proxy and its like, for zone-aware routing; default: none. */
  readonly localClusterName?: string;
  /** Takes whole lines of access logs; default: standard output and files, written in batches. */
  readonly writeAccessLog?: (sink: string, text: string) => void;
  /** How statistics are named; default: with the labels of Istio's bootstrap. */
  readonly stats?: StatsOptions;
  /** What the other workers of the process have counted, for sinks that are told of all of them; default: there are none. */
  readonly otherWorkers?: () => Promise<readonly StatsSnapshot[]>;
  /** What can be changed while it runs; default: nothing. */
  readonly runtime?: Runtime;
  /** Source of randomness in [0, 1); default `Math.random`. */
  readonly random?: () => number;
  /** What overload asks for, as it changes; default: nothing. */
  readonly overload?: OverloadState;
  /** How long listeners that go, or are drained, take for it; default 600 s. */
  readonly drainTimeMs?: number;
  /** Default `gradual`. */
  readonly drainStrategy?: DrainStrategy;
  /** Where other threads of this process serve too; default: none does. */
  readonly share?: ThreadShare;
  /**
   * Gives the descriptor of a socket of this address that listens already, once; undefined: there is none. Nothing is
   * accepted on it before `startAccepting`.
   */
  readonly takeSocket?: (address: Address) => Promise<number | undefined> | number | undefined;
}

/**
 * The part of the proxy that carries traffic.
 *
 * It knows nothing of xDS: the one who drives it (a subscription, a static bootstrap, a test)
 * hands over models. What is replaced keeps serving the connections that it has until they are
 * done or the drain time is over.
 */
export interface DataPlane {
  /** What calls through its clusters are made with. */
  readonly calls: ClusterCalls;
  /** What waits for configuration that is fetched when it is needed. */
  readonly onDemand: OnDemand;
  /** The route table of a name that is in force. */
  routes(name: string): RouteConfiguration | undefined;
  /** What TLS is checked and made with; whoever checks some in this thread uses it, so that it is there once. */
  readonly openssl: LazyOpenssl;
  /** Compiles the change, binds new sockets, then swaps everything at once. Never throws for a bad resource. */
  update(change: DataPlaneChange): Promise<ApplyResult>;
  /** What of these would be refused; nothing is put in force, no socket bound and nobody connected to. */
  check(change: Pick<DataPlaneChange, 'clusters' | 'listeners' | 'secrets'>): Promise<ApplyResult>;
  /** Tells clients to go (Connection: close, GOAWAY), waits for them at most `ms`; stops accepting first. Resolves with what is left. */
  drain(ms: number): Promise<{ readonly activeConnections: number }>;
  /** Lets answers end their connections over the drain time, without stopping to accept. */
  startDraining(only?: ListenerChoice): void;
  /** Closes the listening sockets; connections go on. Resolves when what waited at them is accepted. */
  stopAccepting(only?: ListenerChoice): Promise<void>;
  /** Accepts on sockets that were taken over (`takeSocket`). */
  startAccepting(): void;
  /** Ends connections that carry nothing, and the others after what they carry. */
  drainConnections(): void;
  /** While true every answer ends its connection, and health checks of this proxy fail (`/healthcheck/fail`). */
  failHealthChecks(failed: boolean): void;
  /**
   * Begins to find out who the hosts of a new version of a cluster are, and how; the one in force serves until {@link
   * update} is told of the same model. Resolves when it is known; undefined: there is nothing to wait for.
   */
  prepareCluster(model: Cluster): Promise<void> | undefined;
  /** The same for a listener and the keys of issuers that it has fetched before it takes connections. */
  prepareListener(model: Listener): Promise<void> | undefined;
  /** Resolves when no version of the cluster is waited for. */
  whenServing(cluster: string): Promise<void>;
  /** The descriptors of the listening sockets, by the addresses that were asked for, to be handed on to another process. */
  sockets(): ReadonlyMap<string, number>;
  /** Another process listens at those sockets now: files of Unix domain sockets are left to it. */
  noteHandedOn(): void;
  /** Closes everything at once. */
  close(): Promise<void>;
  /** Serves a connection of a listener that another thread has accepted; the descriptor is ours from now on. */
  takeConnection(listener: string, fd: number): void;
  /** The first thread has found that hosts of a cluster are not as they were. */
  takeHostHealth(cluster: string): void;
  /** What is known of the names of a DNS cluster; undefined for every other one. */
  namesOf(cluster: string): NamedAddresses | undefined;
  /** The first thread has found these addresses of a DNS cluster's names. */
  takeNames(cluster: string, addresses: NamedAddresses): void;
  /** Another thread has found that a host of a cluster fails too often. */
  takeOutlier(cluster: string, host: string, reason: OutlierReason): void;
  /** Opens the files of access logs anew: for whoever has moved them away. */
  reopenLogs(): void;
  /** Tells the sinks of statistics what there is now. */
  flushStats(): Promise<void>;
  /** Told the name of a secret whose files have changed and cannot be used: the last good one stays. */
  onRotationFailed: (secret: string) => void;
  /** When the first certificate in use ends, in milliseconds since 1970; undefined where there is none. */
  firstCertificateExpiryMs(): number | undefined;
  /** When the first OCSP response is too old, milliseconds since 1970; undefined where there is none. */
  firstOcspExpiryMs(): number | undefined;
  listeners(): readonly ListenerStatus[];
  clusters(): readonly ClusterStatus[];
  readonly activeConnections: number;
  /** Without those of listeners that overload does not concern. */
  readonly clientConnections: ClientConnections;
  readonly stats: StatsView;
}
