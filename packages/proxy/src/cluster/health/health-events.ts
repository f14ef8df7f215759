import type { Clock } from '@lateen/core';
import type { HealthCheck } from '../../model/cluster.ts';
import type { LogWriter } from '../../telemetry/log-files.ts';
import type { Host } from '../host.ts';

/** Why a check failed, in Envoy's words. */
export type FailureType = 'ACTIVE' | 'NETWORK' | 'NETWORK_TIMEOUT';

/** Writes down how the health of hosts changes: lines of JSON, each an `envoy.data.core.v3.HealthCheckEvent`. */
export class HealthEvents {
  readonly #events: NonNullable<HealthCheck['events']>;
  readonly #type: string;
  readonly #cluster: string;
  readonly #clock: Clock;
  readonly #write: LogWriter;

  constructor(
    check: HealthCheck,
    events: NonNullable<HealthCheck['events']>,
    cluster: string,
    clock: Clock,
    write: LogWriter,
  ) {
    this.#events = events;
    this.#type = check.check.kind.toUpperCase();
    this.#cluster = cluster;
    this.#clock = clock;
    this.#write = write;
  }

  healthy(host: Host, isFirst: boolean): void {
    this.#tell(host, 'add_healthy_event', { first_check: isFirst });
  }

  unhealthy(host: Host, failure: FailureType): void {
    this.#tell(host, 'eject_unhealthy_event', { failure_type: failure });
  }

  /** A check failed: told where it is the first, or all are wanted. */
  failed(host: Host, failure: FailureType, isFirst: boolean): void {
    if (!isFirst && !this.#events.everyFailure) return;
    this.#tell(host, 'health_check_failure_event', { failure_type: failure, first_check: isFirst });
  }

  succeeded(host: Host): void {
    if (this.#events.everySuccess) this.#tell(host, 'successful_health_check_event', {});
  }

  #tell(host: Host, event: string, details: object): void {
    const { region, zone, subZone } = host.locality;
    const line = JSON.stringify({
      health_checker_type: this.#type,
      host: addressOf(host),
      cluster_name: this.#cluster,
      [event]: details,
      timestamp: new Date(this.#clock.now()).toISOString(),
      locality: { region, zone, sub_zone: subZone },
    });
    for (const path of this.#events.paths) this.#write(path, `${line}\n`);
  }
}

function addressOf({ address }: Host): object {
  if (address.kind === 'pipe') return { pipe: { path: address.path, mode: 0 } };
  return {
    socket_address: {
      protocol: 'TCP',
      address: address.address,
      port_value: address.port,
      resolver_name: '',
      ipv4_compat: false,
    },
  };
}
