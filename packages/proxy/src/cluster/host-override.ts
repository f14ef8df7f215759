import type { HealthStatus } from '../model/endpoint.ts';
import type { Host } from './host.ts';

/** An endpoint that a filter wants whatever the balancer would choose. */
export interface HostOverride {
  /** As in `10.0.0.1:80`. */
  readonly address: string;
  /** No other one will do. */
  readonly strict: boolean;
}

/**
 * True where a host may be wanted so. By default all may that are neither unhealthy nor draining; what a check or
 * outlier detection has found counts before what discovery says (Envoy, `override_host_status`).
 */
export function mayOverride(host: Host, statuses: readonly HealthStatus[] | undefined): boolean {
  if (statuses === undefined) return host.health !== 'unhealthy';
  const status = host.ejected || host.failedHealthCheck ? 'unhealthy' : host.endpoint.healthStatus;
  return statuses.includes(status);
}
