import type { Address } from './address.ts';
import type { Metadata } from './metadata.ts';

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

export type HealthStatus = 'unknown' | 'healthy' | 'unhealthy' | 'draining' | 'timeout' | 'degraded';

export interface Endpoint {
  readonly address: Address;
  /** Tried where the first does not answer. */
  readonly additionalAddresses?: readonly Address[];
  readonly hostname: string;
  readonly healthStatus: HealthStatus;
  /** At least 1. */
  readonly weight: number;
  readonly metadata: Metadata;
  /** Port of the health check where it is not the endpoint's. */
  readonly healthCheckPort?: number;
  /** The host that health checks by HTTP ask for; in place of their own. */
  readonly healthCheckHostname?: string;
}

export interface LocalityEndpoints {
  readonly locality: Locality;
  readonly priority: number;
  /** Undefined: the locality takes part with the weight of its endpoints only. */
  readonly weight?: number;
  readonly endpoints: readonly Endpoint[];
}

/** The endpoints of a cluster: EDS, or inline in the cluster. */
export interface ClusterLoadAssignment {
  /** The EDS service name, or the cluster's name. */
  readonly name: string;
  readonly localities: readonly LocalityEndpoints[];
  /** Default 140 (per cent). */
  readonly overprovisioningFactor: number;
  /** Shares of requests that are refused because the control plane sheds load, each in [0, 1]. */
  readonly dropFractions: readonly number[];
  readonly endpointStaleAfterMs?: number;
}
