import { messageOf, type Clock } from '@lateen/core';
import type { MeshSource } from '../mesh-source.ts';
import { readProxy, type Counters, type OutboundKey, type ProxyReading } from './proxy-reading.ts';
import { difference } from './rates.ts';

/** A pod with a proxy. */
export interface ProxyPod {
  readonly namespace: string;
  readonly name: string;
}

/** What one proxy sent to one place over the window, and ever. */
export interface OutboundTraffic {
  readonly key: OutboundKey;
  readonly counted: Counters;
}

/** What the counters of one proxy say of the last seconds. */
export interface MeasuredPod {
  readonly spanMs: number;
  readonly outbound: readonly OutboundTraffic[];
  readonly inbound: Counters | undefined;
}

export interface Measurements {
  /** By `NAMESPACE/NAME`; pods that were read at least once. */
  readonly pods: ReadonlyMap<string, MeasuredPod>;
  readonly unread: readonly { readonly pod: string; readonly reason: string }[];
  readonly isMeasured: boolean;
}

export interface TrafficMeterOptions {
  readonly source: MeshSource;
  readonly clock: Clock;
  /** The span over which rates are taken; default 10,000 ms. */
  readonly windowMs?: number;
}

/** Istio's port for a proxy's own metrics, which no rule of the mesh guards. */
const metricsPort = 15_090;
// Envoy sends only what was used and matches; the parser leaves out what else comes.
const filter =
  'istio_(requests_total|request_duration|tcp_connections_opened)|upstream_rq_(total|.xx|time)|upstream_cx_(total|none_healthy)|downstream_rq_time';
const metricsPath = `/stats/prometheus?usedonly&filter=${encodeURIComponent(filter)}`;
const readersAtOnce = 8;

/** Keeps the last readings of every proxy's counters and makes rates of them. */
export class TrafficMeter {
  readonly #options: TrafficMeterOptions;
  readonly #readings = new Map<string, ProxyReading[]>();
  readonly #failures = new Map<string, string>();

  constructor(options: TrafficMeterOptions) {
    this.#options = options;
  }

  /** Reads the counters of all these pods once, a few at a time; forgets others. */
  async read(pods: readonly ProxyPod[]): Promise<void> {
    const waiting = [...pods];
    const ids = new Set(pods.map(idOf));
    for (const known of [this.#readings, this.#failures]) {
      for (const id of known.keys()) if (!ids.has(id)) known.delete(id);
    }
    const work = async (): Promise<void> => {
      for (let pod = waiting.shift(); pod !== undefined; pod = waiting.shift()) await this.#readPod(pod);
    };
    await Promise.all(Array.from({ length: Math.min(readersAtOnce, waiting.length) }, work));
  }

  /** Forgets what was read longer ago than the window: rates over a pause would hide what happens now. */
  forgetPast(): void {
    const { clock, windowMs = 10_000 } = this.#options;
    const oldestMs = clock.monotonicMs() - windowMs;
    for (const [id, readings] of this.#readings) {
      this.#readings.set(
        id,
        readings.filter(({ atMs }) => atMs >= oldestMs),
      );
    }
  }

  measure(): Measurements {
    const pods = new Map<string, MeasuredPod>();
    let isMeasured = false;
    for (const [id, readings] of this.#readings) {
      const [first] = readings;
      const last = readings.at(-1);
      if (first === undefined || last === undefined) continue;
      const spanMs = last.atMs - first.atMs;
      if (spanMs > 0) isMeasured = true;
      // A place that was called for the first time within the window has no reading at its beginning.
      const outbound = [...last.outbound]
        .filter(([, counters]) => counters.requests > 0)
        .map(([key, counters]) => ({
          key: JSON.parse(key) as OutboundKey,
          counted: difference(spanMs > 0 ? first.outbound.get(key) : counters, counters),
        }));
      const inbound = last.hasInbound ? difference(first.inbound, last.inbound) : undefined;
      pods.set(id, { spanMs, outbound, inbound });
    }
    const unread = [...this.#failures].map(([pod, reason]) => ({ pod, reason }));
    return { pods, unread, isMeasured };
  }

  async #readPod(pod: ProxyPod): Promise<void> {
    const { source, clock, windowMs = 10_000 } = this.#options;
    const id = idOf(pod);
    let text: string;
    try {
      text = await source.readPod(pod.namespace, pod.name, metricsPort, metricsPath);
    } catch (error) {
      this.#failures.set(id, messageOf(error));
      return;
    }
    this.#failures.delete(id);
    const reading = readProxy(text, clock.monotonicMs());
    const readings = this.#readings.get(id) ?? [];
    readings.push(reading);
    while (readings.length > 2 && reading.atMs - (readings[1]?.atMs ?? 0) >= windowMs) readings.shift();
    this.#readings.set(id, readings);
  }
}

function idOf({ namespace, name }: ProxyPod): string {
  return `${namespace}/${name}`;
}
