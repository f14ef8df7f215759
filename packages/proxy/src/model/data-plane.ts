import type { NamedAddresses } from '../workers/thread-share.ts';
import type { StatsOptions } from './stats.ts';
import type { Clock, Logger } from '@lateen/core';
import type { SuccessRates } from '../decide/success-rate.ts';
import type { OutlierReason } from '../cluster/outlier/outlier-detector.ts';
import type { ClusterCalls } from '../call/index.ts';
import type { OnDemand } from '../on-demand/on-demand.ts';
import type { OverloadState } from '../overload/overload-state.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { HistogramStates } from '../telemetry/histogram-intervals.ts';
import type { HistogramView } from '../telemetry/histogram-views.ts';
import type { StatGroup } from '../telemetry/stat-group.ts';
import type { StatsSnapshot } from '../telemetry/stats-snapshot.ts';
import type { LazyOpenssl } from '../tls/openssl/openssl.ts';
import type { ThreadShare } from '../workers/thread-share.ts';
import type { DrainStrategy } from '../drain/drain-schedule.ts';
import type { Address } from './address.ts';
import type { ApplyResult, DataPlaneChange } from './change.ts';
import type { Cluster } from './cluster.ts';
import type { HealthStatus, Locality } from './endpoint.ts';
import type { Listener } from './listener.ts';
import type { Metadata } from './metadata.ts';

/** Who this proxy is, for telemetry and for `node` in formats. */
export interface NodeIdentity {
  readonly id: string;
  readonly cluster: string;
  readonly locality?: Locality;
  /** Istio's node metadata: `NAMESPACE`, `LABELS`, `WORKLOAD_NAME`, `OWNER`, `CLUSTER_ID`, `SERVICE_ACCOUNT`… */
  readonly metadata: Readonly<Record<string, unknown>>;
}

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

/** Which listeners are meant: all, or those whose traffic direction is inbound. */
export type ListenerChoice = 'all' | 'inbound';

/** A listener as it stands. */
export interface ListenerStatus {
  readonly listener: Listener;
  /** Addresses that are listened on; empty for a listener that does not bind. */
  readonly boundAddresses: readonly Address[];
  readonly activeConnections: number;
  readonly state: 'active' | 'draining';
}

/** An endpoint as it stands. */
export interface EndpointStatus {
  readonly address: Address;
  readonly hostname: string;
  readonly priority: number;
  readonly weight: number;
  readonly locality: Locality;
  readonly edsHealth: HealthStatus;
  readonly metadata: Metadata;
  readonly failedActiveHealthCheck: boolean;
  readonly ejected: boolean;
  /** Per cent, in the last interval of outlier detection; -1: not enough requests. */
  readonly successRate: number;
  readonly localOriginSuccessRate: number;
  readonly stats: Readonly<
    Record<
      | 'cx_active'
      | 'cx_connect_fail'
      | 'cx_total'
      | 'rq_active'
      | 'rq_error'
      | 'rq_success'
      | 'rq_timeout'
      | 'rq_total',
      number
    >
  >;
}

/** A cluster as it stands. */
export interface ClusterStatus {
  readonly cluster: Cluster;
  readonly endpoints: readonly EndpointStatus[];
  /** Per cent. */
  readonly overprovisioningFactor: number;
  /** Of outlier detection, where there is one. */
  readonly successRates?: Readonly<Record<'external' | 'local', SuccessRates>>;
}

export type StatKind = 'counter' | 'gauge' | 'histogram' | 'text';

/** Which statistics are shown. */
export interface StatFilter {
  /** Without those that never were anything but zero. */
  readonly usedOnly?: boolean;
  readonly regex?: { test(name: string): boolean };
  readonly kind?: StatKind;
  /** Default `summary`. */
  readonly histograms?: HistogramView;
  /** What histograms recorded in the last interval; default: nothing is known of it. */
  readonly intervals?: HistogramStates;
}

export interface PrometheusFilter {
  readonly usedOnly?: boolean;
  /** Of Envoy's names; Istio's metrics have none and are left out. */
  readonly regex?: { test(name: string): boolean };
  /** Words too, as gauges of 0 with the label `text_value`. */
  readonly textReadouts?: boolean;
  /** Histograms as summaries, by their quantiles. */
  readonly summaries?: boolean;
}

/** The counters, gauges and histograms of the process, as the admin port and scrapes show them. */
export interface StatsView {
  /** Envoy's text: `name: value`, sorted, histograms last. */
  text(filter?: StatFilter): string;
  /** Envoy's JSON: `{"stats":[{"name","value"}…,{"histograms"}]}`. */
  json(filter?: StatFilter): unknown;
  /** Prometheus text: `envoy_…` and Istio's own metrics. */
  prometheus(filter?: PrometheusFilter): string;
  resetCounters(): void;
  /** What each histogram has recorded. */
  histogramStates(): HistogramStates;
  /** Everything as it is now, to be sent to another thread or process. */
  snapshot(): StatsSnapshot;
  /** These statistics and those of others as one. */
  mergedWith(others: readonly StatsSnapshot[]): StatsView;
  /** Shows more statistics. */
  add(group: StatGroup): void;
  remove(group: StatGroup): void;
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
  readonly stats: StatsView;
}
