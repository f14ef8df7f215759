import type { Clock } from '@lateen/core';
import { callHttp, type CallContext } from '../call/index.ts';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import { processEnv } from '../env.ts';
import type { NodeIdentity } from '../model/node-identity.ts';
import type { HttpConnectionManager } from '../model/network-filter.ts';
import type { TraceProvider } from '../model/tracing.ts';
import type { HttpStats } from '../telemetry/http-stats.ts';
import type { StatsRegistry } from '../telemetry/stats-registry.ts';
import { TraceExportStats } from '../telemetry/trace-stats.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { proxyVersion } from '../version.ts';
import { hostAddress } from '../wire/host-address.ts';
import { flushRules, SpanExporter, spanEncoder, type SpanSender } from './span-exporter.ts';
import { SpanIds } from './trace-context.ts';
import { Tracer, type TracerServices } from './tracer.ts';

/** What tracing needs of a data plane. */
export interface TracingContext extends CallContext {
  readonly node: NodeIdentity | undefined;
  readonly clock: Clock;
  readonly runtime: Runtime;
  readonly clusterRef: (name: string) => ClusterRef;
  readonly stats: StatsRegistry;
}

/** All that traces in a data plane: tracers, and one exporter for each place that spans are sent to. */
export class TracingSystem {
  readonly #context: TracingContext;
  readonly #sender: SpanSender;
  readonly #services: TracerServices;
  readonly #exporters = new Map<string, SpanExporter>();
  readonly #stats = new Map<string, TraceExportStats>();

  constructor(context: TracingContext) {
    const { node, clock, turn, random, runtime } = context;
    this.#context = context;
    this.#sender = {
      endpoint: { serviceName: node?.cluster ?? '', ipv4: hostAddress() },
      resource: { service: 'unknown_service:envoy', version: proxyVersion, scope: 'lateen' },
    };
    this.#services = {
      node: [
        ['node_id', node?.id ?? ''],
        ['zone', node?.locality?.zone ?? ''],
      ],
      ids: new SpanIds(),
      env: processEnv(),
      random,
      live: (share, key) => runtime.fraction(share, key),
      nowMs: () => turn.nowMs,
      wallUs: () => Math.round(clock.now() * 1_000),
    };
  }

  /** The tracer of a connection manager; undefined where it says nothing of a collector. */
  tracer(model: HttpConnectionManager, outbound: boolean, stats: HttpStats): Tracer | undefined {
    const { tracing } = model;
    const provider = tracing?.provider;
    if (tracing === undefined || provider === undefined) return undefined;
    const exporter = this.#exporter(provider);
    return new Tracer(
      tracing,
      provider,
      model.requestIdOptions ?? { packTraceReason: true, usedForSampling: true },
      outbound,
      stats.tracing,
      this.#services,
      (span) => exporter.add(span),
    );
  }

  close(): void {
    for (const exporter of this.#exporters.values()) {
      exporter.flush();
      exporter.close();
    }
  }

  #exporter(provider: TraceProvider): SpanExporter {
    const key = JSON.stringify(provider);
    let exporter = this.#exporters.get(key);
    if (exporter === undefined) {
      const context = this.#context;
      const ref = context.clusterRef(provider.cluster);
      const tracer = provider.kind === 'zipkin' ? 'zipkin' : 'opentelemetry';
      let rules = flushRules(tracer, context.runtime);
      context.runtime.onChange(() => (rules = flushRules(tracer, context.runtime)));
      exporter = new SpanExporter(
        provider,
        spanEncoder(provider, this.#sender, () => rules.requestTimeoutMs),
        (report, done) => callHttp(context, ref, report, done),
        this.#exportStats(tracer),
        context.clock,
        () => rules,
      );
      this.#exporters.set(key, exporter);
    }
    return exporter;
  }

  #exportStats(kind: 'zipkin' | 'opentelemetry'): TraceExportStats {
    let stats = this.#stats.get(kind);
    if (stats === undefined) {
      stats = new TraceExportStats(kind);
      this.#stats.set(kind, stats);
      this.#context.stats.add(stats);
    }
    return stats;
  }
}
