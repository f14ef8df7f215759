import type { SuccessRates } from '../decide/success-rate.ts';
import type { Address } from './address.ts';
import type { Cluster } from './cluster.ts';
import type { HealthStatus, Locality } from './endpoint.ts';
import type { Listener } from './listener.ts';
import type { Metadata } from './metadata.ts';

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
  readonly degradedByCheck: boolean;
  /** Health checks fail, and one of them because nothing came in time. */
  readonly checkTimedOut: boolean;
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
      | 'rq_pending_active'
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
  /** How many retries there may be at once, now. */
  readonly retryLimits: Readonly<Record<'default' | 'high', number>>;
  /** Of outlier detection, where there is one. */
  readonly successRates?: Readonly<Record<'external' | 'local', SuccessRates>>;
}
