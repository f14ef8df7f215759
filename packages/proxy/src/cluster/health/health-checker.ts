import type { Clock } from '@lateen/core';
import type { HeadPool } from '../../codec/head.ts';
import type { Cluster } from '../../model/cluster.ts';
import type { ClusterStats } from '../../telemetry/cluster-stats.ts';
import type { Connector } from '../connector.ts';
import { Host } from '../host.ts';
import { greetingOf } from '../../redis/greeting.ts';
import type { LogWriter } from '../../telemetry/log-files.ts';
import { HealthEvents } from './health-events.ts';
import { RedisProbe } from './redis-probe.ts';
import { HealthSession, type SessionContext } from './health-session.ts';
import { grpcConversation } from './grpc-probe.ts';
import { httpConversation } from './http-probe.ts';
import type { Probe, ProbeContext } from './probe.ts';
import { StreamProbe } from './stream-probe.ts';
import { TcpProbe } from './tcp-probe.ts';

/** What a checker works with. */
export interface HealthCheckerContext {
  readonly clock: Clock;
  readonly random: () => number;
  readonly heads: HeadPool;
  readonly connector: Connector;
  readonly createPool: ProbeContext['createPool'];
  readonly stats: ClusterStats;
  readonly hosts: () => Iterable<Host>;
  /** True once the cluster has carried a request or connection. */
  readonly hasTraffic: () => boolean;
  /** Where events are written; undefined: nowhere. */
  readonly writeLog?: LogWriter | undefined;
  /** A host has become healthy or unhealthy. */
  readonly onChange: () => void;
  readonly onSuccess: (host: Host) => void;
}

/** Asks the hosts of a cluster how they are. */
export class HealthChecker {
  readonly #context: HealthCheckerContext;
  readonly #session: SessionContext;
  readonly #probing: ProbeContext;
  readonly #greeting: Buffer;
  readonly #sessions = new Map<Host, { readonly session: HealthSession; readonly target: Host }>();
  #allChecked: PromiseWithResolvers<void> | undefined;

  constructor(cluster: Cluster, context: HealthCheckerContext) {
    this.#context = context;
    const { stats, clock, random, connector, heads, createPool, onSuccess } = context;
    // Envoy takes one check a cluster; the decoder sees to it.
    const check = cluster.healthChecks[0];
    if (check === undefined) throw new Error('a cluster without health checks has no checker');
    const { reuseConnection = true, events } = check;
    this.#probing = { connector, heads, createPool, clusterName: cluster.name, reuseConnection };
    this.#greeting = greetingOf(cluster);
    this.#session = {
      check,
      clock,
      random,
      stats: stats.healthCheck,
      events:
        events === undefined || context.writeLog === undefined
          ? undefined
          : new HealthEvents(check, events, cluster.name, clock, context.writeLog),
      hasTraffic: context.hasTraffic,
      onChange: () => {
        this.#count();
        context.onChange();
      },
      onSuccess,
      onFirst: () => this.#tellIfChecked(),
    };
  }

  /** Resolves when each host has been checked once; undefined where that is so already. */
  whenChecked(): Promise<void> | undefined {
    if (this.#isAllChecked()) return undefined;
    this.#allChecked ??= Promise.withResolvers();
    return this.#allChecked.promise;
  }

  /** A host has come in the place of another one at its address. */
  replace(host: Host, successor: Host): void {
    const checked = this.#sessions.get(host);
    if (checked === undefined) return;
    this.#sessions.delete(host);
    checked.session.replace(successor);
    this.#sessions.set(successor, checked);
  }

  #isAllChecked(): boolean {
    for (const { session } of this.#sessions.values()) if (!session.checked) return false;
    return true;
  }

  #tellIfChecked(): void {
    if (this.#allChecked !== undefined && this.#isAllChecked()) this.#allChecked.resolve();
  }

  /** The hosts of the cluster have changed: new ones are checked at once, those that left no more. */
  onHosts(): void {
    const current = new Set(this.#context.hosts());
    for (const [host, { session, target }] of this.#sessions) {
      if (current.has(host)) {
        target.update({ ...host.endpoint, address: target.address }, host.locality, host.priority);
      } else {
        session.close();
        this.#sessions.delete(host);
      }
    }
    for (const host of current) {
      if (this.#sessions.has(host)) continue;
      const target = targetOf(host);
      const session = new HealthSession(host, this.#probeOf(target), this.#session);
      this.#sessions.set(host, { session, target });
    }
    this.#count();
    this.#tellIfChecked();
  }

  close(): void {
    for (const { session } of this.#sessions.values()) session.close();
    this.#sessions.clear();
  }

  #count(): void {
    const { n } = this.#context.stats.healthCheck;
    n.healthy = 0;
    n.degraded = 0;
    for (const { failedHealthCheck, degradedByCheck } of this.#sessions.keys()) {
      if (failedHealthCheck) continue;
      n.healthy++;
      if (degradedByCheck) n.degraded++;
    }
  }

  #probeOf(target: Host): Probe {
    const { check } = this.#session.check;
    const { clusterName } = this.#probing;
    switch (check.kind) {
      case 'http':
        return new StreamProbe(httpConversation(check, clusterName), target, this.#probing);
      case 'grpc':
        return new StreamProbe(grpcConversation(check, clusterName), target, this.#probing);
      case 'redis':
        return new RedisProbe(check, this.#greeting, target, this.#probing);
      default:
        return new TcpProbe(check, target, this.#probing);
    }
  }
}

/** The host at the port where it is to be checked, by itself: checks are not what the host carries. */
function targetOf({ endpoint, locality, priority }: Host): Host {
  const { address, healthCheckPort = 0 } = endpoint;
  const at =
    healthCheckPort === 0 || address.kind === 'pipe' ? address : { ...address, port: healthCheckPort };
  return new Host({ ...endpoint, address: at }, locality, priority, 0);
}
