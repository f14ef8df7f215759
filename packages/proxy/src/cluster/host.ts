import { formatAddress, type Address } from '../model/address.ts';
import type { EndpointStatus } from '../model/status.ts';
import type { Endpoint, Locality } from '../model/endpoint.ts';
import type { LatencyEstimate } from './balancer/latency-estimate.ts';
import type { HostMonitor } from './outlier/host-monitor.ts';
import type { ClientPools } from './pool/client-pools.ts';
import type { HttpPool } from './pool/http-pool.ts';
import type { SharedConnections } from './shared-connections.ts';

/** Who keeps connections to a host. */
export interface HostUser {
  /** Ends them after what they carry. */
  drain(): void;
  close(): void;
}

/** An endpoint with all that is known about it at run time; lives on while its address stays in the cluster. */
export class Host {
  readonly address: Address;
  /** `10.0.0.1:80`; the identity of the host within its cluster. */
  readonly key: string;
  endpoint: Endpoint;
  locality: Locality;
  priority: number;
  weight: number;
  ejected = false;
  failedHealthCheck = false;
  /** Its last check that succeeded said so. */
  degradedByCheck = false;
  /** Its checks fail, and one of them because nothing came in time. */
  checkTimedOut = false;
  /** True while it fails by its checks or as an outlier, once its connections have been dealt with. */
  hasFailed = false;
  /** Requests (or TCP connections) under way; what least request balances by. */
  active = 0;
  /** Requests that wait for a connection. */
  waiting = 0;
  cxTotal = 0;
  /** Connections of this thread; {@link countConnection} changes it. */
  cxActive = 0;
  #shared: SharedConnections | undefined;
  cxConnectFail = 0;
  rqTotal = 0;
  rqSuccess = 0;
  rqError = 0;
  rqTimeout = 0;
  /** Since when it takes part in balancing; slow start counts from it. */
  availableSinceMs: number;
  /** Where the balancer goes by latency. */
  latency: LatencyEstimate | undefined;
  /** Where the cluster looks for outliers. */
  monitor: HostMonitor | undefined;
  /** Its cells, where other threads of the process have it too. */
  cells: number | undefined;
  pool: HttpPool | undefined;
  /** Connections of one client each. */
  clientPools: ClientPools | undefined;
  /** Who else keeps connections to it, and lets them go when it leaves. */
  others: Set<HostUser> | undefined;

  constructor(endpoint: Endpoint, locality: Locality, priority: number, nowMs: number) {
    this.availableSinceMs = nowMs;
    this.endpoint = endpoint;
    this.address = endpoint.address;
    this.key = formatAddress(endpoint.address);
    this.locality = locality;
    this.priority = priority;
    this.weight = endpoint.weight;
  }

  /** Nobody checks it any more. */
  forgetChecks(): void {
    this.failedHealthCheck = false;
    this.degradedByCheck = false;
    this.checkTimedOut = false;
  }

  /** Takes over what discovery says now. */
  update(endpoint: Endpoint, locality: Locality, priority: number): void {
    this.endpoint = endpoint;
    this.locality = locality;
    this.priority = priority;
    this.weight = endpoint.weight;
  }

  /** Takes the place of another host at its address, of which more is known but no connection made. */
  succeed(other: Host): void {
    this.update(other.endpoint, other.locality, other.priority);
    if (this.failedHealthCheck && !other.failedHealthCheck) this.availableSinceMs = other.availableSinceMs;
    this.failedHealthCheck = other.failedHealthCheck;
    this.degradedByCheck = other.degradedByCheck;
    this.checkTimedOut = other.checkTimedOut;
  }

  countConnection(change: 1 | -1): void {
    this.cxActive += change;
    this.#shared?.count(change);
  }

  /** Connections of all threads, where the cluster limits them; else of this one. */
  get connections(): number {
    return this.#shared?.total ?? this.cxActive;
  }

  /** Where its connections are counted from now on; undefined: only here. */
  shareConnections(shared: SharedConnections | undefined): void {
    this.#shared?.leave(this.cxActive);
    this.#shared = shared;
    shared?.count(this.cxActive);
  }

  /** Requests go on new connections from now on. */
  renewConnections(): void {
    this.pool?.renew();
    this.clientPools?.renew();
  }

  /** Ends connections that are kept to it, after what they carry or at once. */
  leave(how: 'drain' | 'close'): void {
    this.pool?.[how]();
    for (const user of this.others ?? []) user[how]();
  }

  /** Degraded hosts are used where the healthy ones do not suffice, unhealthy ones only in panic. */
  get health(): 'healthy' | 'degraded' | 'unhealthy' {
    if (this.ejected || this.failedHealthCheck) return 'unhealthy';
    switch (this.endpoint.healthStatus) {
      case 'unhealthy':
      case 'timeout':
      case 'draining':
        return 'unhealthy';
      case 'degraded':
        return 'degraded';
      default:
        return this.degradedByCheck ? 'degraded' : 'healthy';
    }
  }

  get healthy(): boolean {
    return this.health === 'healthy';
  }

  status(): EndpointStatus {
    return {
      address: this.address,
      hostname: this.endpoint.hostname,
      priority: this.priority,
      weight: this.weight,
      locality: this.locality,
      edsHealth: this.endpoint.healthStatus,
      metadata: this.endpoint.metadata,
      failedActiveHealthCheck: this.failedHealthCheck,
      degradedByCheck: this.degradedByCheck,
      checkTimedOut: this.checkTimedOut,
      ejected: this.ejected,
      successRate: this.monitor?.externalSuccessRate ?? -1,
      localOriginSuccessRate: this.monitor?.localSuccessRate ?? -1,
      stats: {
        cx_active: this.cxActive,
        cx_connect_fail: this.cxConnectFail,
        cx_total: this.cxTotal,
        rq_active: Math.max(0, this.active - this.waiting),
        rq_error: this.rqError,
        rq_pending_active: this.waiting,
        rq_success: this.rqSuccess,
        rq_timeout: this.rqTimeout,
        rq_total: this.rqTotal,
      },
    };
  }
}

/** An endpoint of which nothing but its address is known. */
export function endpointAt(address: Address): Endpoint {
  return { address, hostname: '', healthStatus: 'unknown', weight: 1, metadata: {} };
}
