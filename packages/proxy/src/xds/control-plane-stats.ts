import type { StatVisitor } from '../telemetry/stat-group.ts';

/** What is counted of one stream to a control plane (https://www.envoyproxy.io/docs/envoy/latest/configuration/overview/mgmt_server). */
export class ControlPlaneStats {
  /** Undefined: there was no stream yet. */
  connected: boolean | undefined = undefined;
  /** Requests that wait for their turn. */
  pending = 0;
  /** How often one had to. */
  limited = 0;

  visit(visitor: StatVisitor, prefix: string): void {
    if (this.connected === undefined) return;
    visitor.number(`${prefix}connected_state`, 'gauge', this.connected ? 1 : 0);
    visitor.number(`${prefix}pending_requests`, 'gauge', this.pending);
    visitor.number(`${prefix}rate_limit_enforced`, 'counter', this.limited);
  }

  resetCounters(): void {
    this.limited = 0;
  }
}
