import { formatAddress, type Address } from '../model/address.ts';
import type { EndpointStatus } from '../model/data-plane.ts';
import type { Endpoint, Locality } from '../model/endpoint.ts';
import type { HttpPool } from './pool/http-pool.ts';

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
  /** Requests (or TCP connections) under way; what least request balances by. */
  active = 0;
  cxTotal = 0;
  cxActive = 0;
  cxConnectFail = 0;
  rqTotal = 0;
  rqSuccess = 0;
  rqError = 0;
  rqTimeout = 0;
  consecutive5xx = 0;
  consecutiveGatewayFailure = 0;
  consecutiveLocalFailure = 0;
  ejections = 0;
  ejectedUntilMs = 0;
  pool: HttpPool | undefined;
  /** True once the host has left its cluster. */
  removed = false;

  constructor(endpoint: Endpoint, locality: Locality, priority: number) {
    this.endpoint = endpoint;
    this.address = endpoint.address;
    this.key = formatAddress(endpoint.address);
    this.locality = locality;
    this.priority = priority;
    this.weight = endpoint.weight;
  }

  get healthy(): boolean {
    const eds = this.endpoint.healthStatus;
    return (
      !this.ejected &&
      !this.failedHealthCheck &&
      eds !== 'unhealthy' &&
      eds !== 'timeout' &&
      eds !== 'draining'
    );
  }

  status(): EndpointStatus {
    return {
      address: this.address,
      hostname: this.endpoint.hostname,
      priority: this.priority,
      weight: this.weight,
      locality: this.locality,
      edsHealth: this.endpoint.healthStatus,
      failedActiveHealthCheck: this.failedHealthCheck,
      ejected: this.ejected,
      stats: {
        cx_active: this.cxActive,
        cx_connect_fail: this.cxConnectFail,
        cx_total: this.cxTotal,
        rq_active: this.active,
        rq_error: this.rqError,
        rq_success: this.rqSuccess,
        rq_timeout: this.rqTimeout,
        rq_total: this.rqTotal,
      },
    };
  }
}
