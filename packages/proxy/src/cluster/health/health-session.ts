import type { Clock, Timer } from '@lateen/core';
import type { HealthCheck } from '../../model/cluster.ts';
import type { HealthCheckStats } from '../../telemetry/endpoint-choice-stats.ts';
import type { Host } from '../host.ts';
import type { HealthEvents } from './health-events.ts';
import type { Probe, ProbeResult } from './probe.ts';

/** What the sessions of a cluster share. */
export interface SessionContext {
  readonly check: HealthCheck;
  readonly clock: Clock;
  readonly random: () => number;
  readonly stats: HealthCheckStats;
  /** Where changes are written down. */
  readonly events: HealthEvents | undefined;
  /** True once the cluster has carried a request or connection. */
  readonly hasTraffic: () => boolean;
  readonly onChange: (host: Host) => void;
  readonly onSuccess: (host: Host) => void;
  /** Called when a host has been checked for the first time. */
  readonly onFirst: () => void;
}

/** Checks one host again and again. Source of the rules: Envoy, "Health checking", and the fields of `HealthCheck`. */
export class HealthSession {
  #host: Host;
  readonly #probe: Probe;
  readonly #context: SessionContext;
  #timer: Timer | undefined;
  #first = true;
  #successes = 0;
  #failures = 0;

  constructor(host: Host, probe: Probe, context: SessionContext) {
    this.#host = host;
    this.#probe = probe;
    this.#context = context;
    const { check, random, clock } = context;
    this.#timer = clock.after(random() * check.initialJitterMs, () => this.#run());
  }

  /** False until the host has been checked once. */
  get checked(): boolean {
    return !this.#first;
  }

  /** Goes on with another host at the same address. */
  replace(host: Host): void {
    this.#host = host;
  }

  close(): void {
    this.#timer?.cancel();
    this.#probe.cancel();
    this.#probe.close();
  }

  #run(): void {
    const { check, clock, stats } = this.#context;
    stats.n.attempt++;
    this.#timer = clock.after(check.timeoutMs, () => {
      this.#probe.cancel();
      this.#done('network', true);
    });
    this.#probe.run((result) => this.#done(result));
  }

  #done(result: ProbeResult, timedOut = false): void {
    this.#timer?.cancel();
    const { stats, onSuccess, onChange, onFirst, clock } = this.#context;
    const isSuccess = result === 'success' || result === 'degraded';
    if (isSuccess) stats.n.success++;
    else stats.n.failure++;
    if (result === 'network') stats.n.networkFailure++;
    const changed = isSuccess ? this.#succeeded() : this.#failed(result);
    this.#tell(result, changed, timedOut);
    const host = this.#host;
    host.checkTimedOut = !isSuccess && (timedOut || host.checkTimedOut);
    const degrades = isSuccess && host.degradedByCheck !== (result === 'degraded');
    if (degrades) host.degradedByCheck = result === 'degraded';
    const first = this.#first;
    this.#first = false;
    this.#timer = clock.after(this.#nextMs(changed), () => this.#run());
    if (changed || degrades) onChange(this.#host);
    if (isSuccess) onSuccess(this.#host);
    if (first) onFirst();
  }

  #tell(result: ProbeResult, changed: boolean, timedOut: boolean): void {
    const { events } = this.#context;
    if (events === undefined) return;
    const host = this.#host;
    if (result === 'success' || result === 'degraded') {
      if (changed) events.healthy(host, this.#first);
      events.succeeded(host);
      return;
    }
    const failure = result !== 'network' ? 'ACTIVE' : timedOut ? 'NETWORK_TIMEOUT' : 'NETWORK';
    if (changed) events.unhealthy(host, failure);
    events.failed(host, failure, this.#first);
  }

  /** True where the host has become healthy: at the first check at once, later by the threshold. */
  #succeeded(): boolean {
    this.#failures = 0;
    const host = this.#host;
    if (!host.failedHealthCheck) return false;
    this.#successes++;
    if (!this.#first && this.#successes < this.#context.check.healthyThreshold) return false;
    host.failedHealthCheck = false;
    host.availableSinceMs = this.#context.clock.monotonicMs();
    return true;
  }

  /** True where the host has become unhealthy: by an answer at once, otherwise by the threshold. */
  #failed(result: ProbeResult): boolean {
    this.#successes = 0;
    const host = this.#host;
    if (host.failedHealthCheck) return false;
    this.#failures++;
    if (result !== 'refused' && this.#failures < this.#context.check.unhealthyThreshold) return false;
    host.failedHealthCheck = true;
    return true;
  }

  #nextMs(changed: boolean): number {
    const { check, hasTraffic, random } = this.#context;
    const healthy = !this.#host.failedHealthCheck;
    let ms: number;
    if (!hasTraffic()) ms = healthy ? check.noTrafficHealthyIntervalMs : check.noTrafficIntervalMs;
    else if (healthy) ms = changed ? check.healthyEdgeIntervalMs : check.intervalMs;
    else ms = changed ? check.unhealthyEdgeIntervalMs : check.unhealthyIntervalMs;
    return ms + random() * check.intervalJitterMs + (random() * ms * check.intervalJitterPercent) / 100;
  }
}
