import type { Clock, Timer } from '@lateen/core';
import type { CallAnswer, CallRequest, CallResult } from '../call/index.ts';
import { names } from '../codec/header-name.ts';
import type { TraceProvider } from '../model/tracing.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { TraceExportStats } from '../telemetry/trace-stats.ts';
import { headerValueOf } from '../codec/header-value.ts';
import type { Span } from './span.ts';
import { otlpSpans, type OtlpResource } from './otlp-spans.ts';
import { zipkinJson, type ZipkinEndpoint } from './zipkin-json.ts';

/** When spans are sent: so many together, or those that have waited so long; and how long the collector may take. */
export interface FlushRules {
  readonly minFlushSpans: number;
  readonly flushIntervalMs: number;
  readonly requestTimeoutMs: number;
}

/** Envoy's runtime keys of tracers; OpenTelemetry's request has the timeout of its configuration. */
export function flushRules(tracer: 'zipkin' | 'opentelemetry', runtime: Runtime): FlushRules {
  const number = (name: string, fallback: number): number =>
    runtime.number(`tracing.${tracer}.${name}`, fallback);
  return {
    minFlushSpans: number('min_flush_spans', 5),
    flushIntervalMs: number('flush_interval_ms', 5_000),
    requestTimeoutMs: number('request_timeout', 5_000),
  };
}

/** Spans that wait for the collector to take the last report; what is beyond it is lost. */
const maxQueuedSpans = 4_096;
const maxReports = 4;

const grpcPath = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

/** Makes a report of spans. */
export type SpanEncoder = (spans: readonly Span[]) => CallRequest;

/** Sends a report to the collector. */
export type SendReport = (report: CallRequest, done: (result: CallResult) => void) => void;

/** Who this proxy is, to collectors. */
export interface SpanSender {
  readonly endpoint: ZipkinEndpoint;
  readonly resource: OtlpResource;
}

/** The form that a provider takes spans in. */
export function spanEncoder(
  provider: TraceProvider,
  sender: SpanSender,
  requestTimeoutMs: () => number,
): SpanEncoder {
  if (provider.kind === 'zipkin') {
    const { path, hostname } = provider;
    const headers = [['content-type', 'application/json']] as const;
    return (spans) => {
      const body = Buffer.from(zipkinJson(spans, sender.endpoint));
      return post(path, hostname, headers, body, requestTimeoutMs());
    };
  }
  const service = provider.service === '' ? sender.resource.service : provider.service;
  const resource = { ...sender.resource, service };
  const grpc = provider.kind === 'otlp_grpc';
  const headers: readonly (readonly [string, string])[] = [
    ['content-type', grpc ? 'application/grpc' : 'application/x-protobuf'],
    ...(grpc ? [['te', 'trailers'] as const] : []),
    ...provider.headers.map(({ name, value }) => [name, headerValueOf(value)] as const),
  ];
  return (spans) => {
    const message = otlpSpans(spans, resource);
    const body = grpc ? framed(message) : message;
    return post(grpc ? grpcPath : provider.path, provider.hostname, headers, body, provider.timeoutMs);
  };
}

function post(
  path: string,
  authority: string,
  headers: readonly (readonly [string, string])[],
  body: Uint8Array,
  timeoutMs: number,
): CallRequest {
  return {
    method: 'POST',
    path,
    authority,
    headers: [...headers, [names.contentLength.lower, String(body.length)]],
    body,
    timeoutMs,
  };
}

/** A gRPC message: not compressed, its length, its bytes. */
function framed(message: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(5 + message.length);
  bytes.writeUInt32BE(message.length, 1);
  bytes.set(message, 5);
  return bytes;
}

/** Of HTTP calls, which have none, as if all were well. */
function grpcStatusOf({ headers, trailers }: CallAnswer): string {
  return trailers?.get(names.grpcStatus) ?? headers.get(names.grpcStatus) ?? '0';
}

/** Sends spans to a collector in batches; where it does not keep up, spans are lost and counted, and requests do not wait. */
export class SpanExporter {
  readonly #encode: SpanEncoder;
  readonly #send: SendReport;
  readonly #stats: TraceExportStats;
  readonly #clock: Clock;
  readonly #rules: () => FlushRules;
  readonly #isTaken: (status: number) => boolean;
  #queue: Span[] = [];
  #timer: Timer | undefined;
  #reports = 0;

  constructor(
    provider: TraceProvider,
    encode: SpanEncoder,
    send: SendReport,
    stats: TraceExportStats,
    clock: Clock,
    rules: () => FlushRules,
  ) {
    this.#encode = encode;
    this.#send = send;
    this.#stats = stats;
    this.#clock = clock;
    this.#rules = rules;
    // As Envoy: Zipkin takes spans by 202, collectors of OpenTelemetry by 200.
    this.#isTaken = provider.kind === 'zipkin' ? (s) => s === 202 : (s) => s === 200;
  }

  add(span: Span): void {
    if (this.#queue.length >= maxQueuedSpans) {
      this.#stats.n.spansDropped++;
      return;
    }
    this.#queue.push(span);
    const { minFlushSpans, flushIntervalMs } = this.#rules();
    if (this.#queue.length >= minFlushSpans && this.#reports === 0) this.flush();
    else this.#timer ??= this.#clock.after(flushIntervalMs, this.#onTimer);
  }

  /** Sends what is there, unless as many reports as may be are under way. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#queue.length === 0 || this.#reports >= maxReports) return;
    const spans = this.#queue;
    this.#queue = [];
    this.#stats.n.spansSent += spans.length;
    this.#reports++;
    this.#send(this.#encode(spans), this.#onAnswer);
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#queue = [];
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    this.#stats.n.timerFlushed++;
    this.flush();
    if (this.#queue.length > 0) this.#timer = this.#clock.after(this.#rules().flushIntervalMs, this.#onTimer);
  };

  readonly #onAnswer = (result: CallResult): void => {
    this.#reports--;
    const { n } = this.#stats;
    if (result.kind === 'failure') {
      if (result.reason === 'no_cluster') n.reportsSkippedNoCluster++;
      else n.reportsFailed++;
    } else if (this.#isTaken(result.status) && grpcStatusOf(result) === '0') n.reportsSent++;
    else n.reportsDropped++;
    if (this.#queue.length >= this.#rules().minFlushSpans && this.#reports === 0) this.flush();
  };
}
