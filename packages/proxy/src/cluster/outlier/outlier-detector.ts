import type { Clock, Timer } from '@lateen/core';
import { noSuccessRates, successRatesOf, type SuccessRates } from '../../decide/success-rate.ts';
import type { OutlierDetection, OutlierReason } from '../../model/cluster.ts';
import type { OutlierStats } from '../../telemetry/endpoint-choice-stats.ts';
import type { Host } from '../host.ts';
import { OwnHostMonitor, type FailureOrigin, type HostMonitor } from './host-monitor.ts';

/** What of the rules says how many per cent of the detections are followed by an ejection. */
const enforcedBy = {
  Consecutive5xx: 'enforcingConsecutive5xx',
  GatewayFailure: 'enforcingConsecutiveGatewayFailure',
  LocalOrigin: 'enforcingConsecutiveLocalOriginFailure',
  SuccessRate: 'enforcingSuccessRate',
  LocalSuccessRate: 'enforcingLocalOriginSuccessRate',
  FailurePercentage: 'enforcingFailurePercentage',
  LocalFailurePercentage: 'enforcingLocalOriginFailurePercentage',
} as const satisfies Readonly<Record<OutlierReason, keyof OutlierDetection>>;

/** What a detector works with. */
export interface OutlierContext {
  readonly clock: Clock;
  readonly random: () => number;
  readonly stats: OutlierStats;
  readonly hosts: () => Iterable<Host>;
  /** A host was ejected, or came back. */
  readonly onChange: () => void;
  /** Told of outliers where another thread of the process ejects them; default: this one does. */
  readonly report?: ((host: Host, reason: OutlierReason) => void) | undefined;
}

/**
 * Watches how the hosts of a cluster answer and leaves those alone for a while that do worse than they may.
 * Source: Envoy, "Outlier detection".
 */
export class OutlierDetector {
  /** Of the last interval. */
  readonly rates: Record<FailureOrigin, SuccessRates> = { external: noSuccessRates, local: noSuccessRates };
  #rules: OutlierDetection;
  readonly #context: OutlierContext;
  #interval: Timer | undefined;

  constructor(rules: OutlierDetection, context: OutlierContext) {
    this.#rules = rules;
    this.#context = context;
    this.#interval = this.#start();
    this.#countEjected();
  }

  #start(): Timer | undefined {
    if (this.#context.report !== undefined) return undefined;
    return this.#context.clock.every(Math.max(1, this.#rules.intervalMs), () => this.#onInterval());
  }

  /** Judges by other rules from now on; what is ejected stays so. */
  setRules(rules: OutlierDetection): void {
    const { intervalMs } = this.#rules;
    this.#rules = rules;
    if (rules.intervalMs === intervalMs) return;
    this.#interval?.cancel();
    this.#interval = this.#start();
  }

  close(): void {
    this.#interval?.cancel();
  }

  /** The endpoint answered. */
  onStatus(host: Host, status: number): void {
    const monitor = monitorOf(host);
    monitor.note('external', status < 500);
    if (status < 500) {
      monitor.end('5xx');
      monitor.end('gateway');
      return;
    }
    const rules = this.#rules;
    if (status >= 502 && status <= 504) {
      if (monitor.lengthen('gateway') === rules.consecutiveGatewayFailure) {
        this.detect(host, 'GatewayFailure');
        monitor.end('gateway');
      }
    } else {
      monitor.end('gateway');
    }
    if (monitor.lengthen('5xx') === rules.consecutive5xx) {
      this.detect(host, 'Consecutive5xx');
      monitor.end('5xx');
    }
  }

  /** A connection to the host was there for a request. */
  onConnected(host: Host): void {
    if (!this.#rules.splitExternalLocalOriginErrors) return;
    const monitor = monitorOf(host);
    monitor.note('local', true);
    monitor.end('local');
  }

  /** A connection that carries no HTTP was made: all that will be known of the host. */
  onTcpConnected(host: Host): void {
    if (this.#rules.splitExternalLocalOriginErrors) this.onConnected(host);
    else this.onStatus(host, 200);
  }

  /** The host could not be reached, or broke off. */
  onConnectFailure(host: Host): void {
    this.#onLocalFailure(host, 503);
  }

  /** The host did not answer in time. */
  onTimeout(host: Host): void {
    this.#onLocalFailure(host, 504);
  }

  /** A health check of the host succeeded. */
  onHealthCheckSuccess(host: Host): void {
    if (host.ejected && this.#rules.healthCheckUnejects) {
      uneject(host);
      this.#countEjected();
      this.#context.onChange();
    }
  }

  #onLocalFailure(host: Host, status: number): void {
    const rules = this.#rules;
    if (!rules.splitExternalLocalOriginErrors) {
      this.onStatus(host, status);
      return;
    }
    const monitor = monitorOf(host);
    monitor.note('local', false);
    if (monitor.lengthen('local') === rules.consecutiveLocalOriginFailure) {
      this.detect(host, 'LocalOrigin');
      monitor.end('local');
    }
  }

  /** A host is an outlier: it is ejected where the rules want that and allow it. */
  detect(host: Host, reason: OutlierReason): void {
    if (host.ejected) return;
    const { stats, random, clock, hosts, onChange, report } = this.#context;
    if (report !== undefined) {
      report(host, reason);
      return;
    }
    const rules = this.#rules;
    stats.n[`detected${reason}`]++;
    let total = 0;
    let ejected = 0;
    for (const other of hosts()) {
      total++;
      if (other.ejected) ejected++;
    }
    const within = 100 * (ejected + 1) <= Math.min(100, rules.maxEjectionPercent) * total;
    if (!within && !(rules.alwaysEjectOneHost && ejected === 0)) {
      stats.n.overflow++;
      return;
    }
    // As Envoy, whose name for it is older than that some are not enforced, and than most of the reasons.
    if (reason === 'Consecutive5xx' || reason === 'SuccessRate') stats.n.ejectable++;
    if (random() * 100 >= rules[enforcedBy[reason]]) return;
    stats.n.enforcedTotal++;
    stats.n[`enforced${reason}`]++;
    const monitor = monitorOf(host);
    host.ejected = true;
    this.#countEjected();
    monitor.ejectedAtMs = clock.monotonicMs();
    monitor.jitterMs = random() * rules.maxEjectionTimeJitterMs;
    if (monitor.ejectionFactor * rules.baseEjectionTimeMs < rules.maxEjectionTimeMs) monitor.ejectionFactor++;
    onChange();
  }

  #onInterval(): void {
    const { hosts, clock, onChange } = this.#context;
    const rules = this.#rules;
    const nowMs = clock.monotonicMs();
    let back = false;
    for (const host of hosts()) {
      const { monitor } = host;
      if (monitor === undefined) continue;
      if (!host.ejected) {
        if (monitor.ejectionFactor > 0) monitor.ejectionFactor--;
        continue;
      }
      const lengthMs = Math.min(
        rules.baseEjectionTimeMs * monitor.ejectionFactor,
        Math.max(rules.maxEjectionTimeMs, rules.baseEjectionTimeMs),
      );
      if (nowMs - monitor.ejectedAtMs < lengthMs + monitor.jitterMs) continue;
      uneject(host);
      back = true;
    }
    // Also where none is back: hosts may have left their cluster.
    this.#countEjected();
    if (back) onChange();
    this.#compareRates('external');
    if (rules.splitExternalLocalOriginErrors) this.#compareRates('local');
  }

  #countEjected(): void {
    const { stats, hosts, report } = this.#context;
    if (report !== undefined) return;
    stats.n.active = 0;
    for (const { ejected } of hosts()) if (ejected) stats.n.active++;
  }

  /** Compares the hosts of the interval that is over with each other. */
  #compareRates(origin: FailureOrigin): void {
    const rules = this.#rules;
    const forRate: { readonly host: Host; readonly successRate: number }[] = [];
    const forPercentage: typeof forRate = [];
    const leastVolume = Math.min(rules.successRateRequestVolume, rules.failurePercentageRequestVolume);
    for (const host of this.#context.hosts()) {
      const { monitor } = host;
      if (monitor === undefined) continue;
      const seen = monitor.take(origin, leastVolume);
      monitor[origin === 'external' ? 'externalSuccessRate' : 'localSuccessRate'] = seen?.rate ?? -1;
      if (seen === undefined || host.ejected) continue;
      const one = { host, successRate: seen.rate };
      if (seen.volume >= rules.successRateRequestVolume) forRate.push(one);
      if (seen.volume >= rules.failurePercentageRequestVolume) forPercentage.push(one);
    }
    const external = origin === 'external';
    this.rates[origin] = noSuccessRates;
    if (forRate.length > 0 && forRate.length >= rules.successRateMinimumHosts) {
      const together = successRatesOf(forRate, rules.successRateStdevFactor);
      this.rates[origin] = together;
      for (const { host, successRate } of forRate) {
        if (successRate < together.ejectionThreshold)
          this.detect(host, external ? 'SuccessRate' : 'LocalSuccessRate');
      }
    }
    if (forPercentage.length > 0 && forPercentage.length >= rules.failurePercentageMinimumHosts) {
      for (const { host, successRate } of forPercentage) {
        if (100 - successRate >= rules.failurePercentageThreshold)
          this.detect(host, external ? 'FailurePercentage' : 'LocalFailurePercentage');
      }
    }
  }
}

function uneject(host: Host): void {
  host.ejected = false;
  host.monitor?.endAll();
}

function monitorOf(host: Host): HostMonitor {
  return (host.monitor ??= new OwnHostMonitor());
}
