import type { Clock, Problem } from '@lateen/core';
import { ByteWriter, encode, type JsonObject } from '@lateen/protocol';
import { StreamAccessLogsMessage_Identifier } from '@lateen/protocol/envoy/service/accesslog/v3';
import { grpcTarget } from '../../call/grpc-target.ts';
import { tellGrpc, type CallContext } from '../../call/index.ts';
import type { ClusterRef } from '../../cluster/cluster-set.ts';
import type { LogService, RemoteLogSink } from '../../model/access-log.ts';
import type { NodeIdentity } from '../../model/node-identity.ts';
import { message, tag } from '../otlp-fields.ts';
import type { StatsRegistry } from '../stats-registry.ts';
import type { StreamInfo } from '../stream-info.ts';
import { compileEntry } from './grpc-entry.ts';
import { LogBatch, RemoteLogStats } from './log-batch.ts';
import { compileRecord, recordsFrame, type BuiltinLabels } from './otlp-record.ts';

/** What loggers that tell services need of a data plane. */
export interface RemoteLogContext extends CallContext {
  readonly clock: Clock;
  readonly node: NodeIdentity | undefined;
  readonly clusterRef: (name: string) => ClusterRef;
  readonly stats: StatsRegistry;
}

const accessLogPath = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';
const openTelemetryPath = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';
const callTimeoutMs = 5_000;
/** How long the last records have at the end. */
const closeTimeoutMs = 500;

/**
 * The access logs that go to services. Loggers that tell the same service the same way share a batch. Each batch is a call
 * of its own: to `AccessLogService`, a stream of one message, which says who is speaking.
 */
export class RemoteLogs {
  readonly #context: RemoteLogContext;
  readonly #batches = new Map<string, LogBatch>();
  readonly #stats = new Map<string, RemoteLogStats>();

  constructor(context: RemoteLogContext) {
    this.#context = context;
  }

  /** What tells a service of a request; unknown command operators go to `bad`. */
  logger(sink: RemoteLogSink, bad: Problem[]): (info: StreamInfo) => void {
    if (sink.kind === 'grpc') {
      const record = compileEntry(sink);
      const batch = this.#batch(sink, accessLogPath, 'grpc_access_log.', this.#entriesFrame(sink));
      return (info) => batch.add(record(info));
    }
    const record = compileRecord(sink, bad);
    const statPrefix = sink.statPrefix === '' ? '' : `${sink.statPrefix.replace(/\.$/, '')}.`;
    const frame = recordsFrame(sink.resource, sink.builtinLabels ? this.#labels(sink.to) : undefined);
    const name = `open_telemetry_access_log.${statPrefix}`;
    const batch = this.#batch(sink, openTelemetryPath, name, frame);
    return (info) => batch.add(record(info));
  }

  /** Sends what is left, and waits a moment for it to be taken. */
  async close(): Promise<void> {
    const taken = Promise.all([...this.#batches.values()].map((batch) => batch.close()));
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = this.#context.clock.after(closeTimeoutMs, resolve);
    await Promise.race([taken, promise]);
    timer.cancel();
  }

  /** Frames entries as a `StreamAccessLogsMessage`: identifier 1, http_logs 2 or tcp_logs 3 { log_entry 1 }. */
  #entriesFrame({ protocol, to }: RemoteLogSink & { readonly kind: 'grpc' }) {
    const { node } = this.#context;
    const identifier = encode(StreamAccessLogsMessage_Identifier, {
      logName: to.logName,
      node: {
        id: node?.id,
        cluster: node?.cluster,
        metadata: node?.metadata as JsonObject | undefined,
        locality: node?.locality,
        userAgentName: 'lateen',
      },
    });
    const field = protocol === 'http' ? 2 : 3;
    return (entries: readonly Uint8Array[]): Uint8Array => {
      const writer = new ByteWriter();
      message(writer, field, () => {
        for (const entry of entries.toReversed()) {
          writer.lengthDelimited(entry);
          writer.uint32(tag(1, 2));
        }
      });
      writer.lengthDelimited(identifier);
      writer.uint32(tag(1, 2));
      return writer.finish();
    };
  }

  #labels({ logName }: LogService): BuiltinLabels {
    const { node } = this.#context;
    return {
      log_name: logName,
      zone_name: node?.locality?.zone ?? '',
      cluster_name: node?.cluster ?? '',
      node_name: node?.id ?? '',
    };
  }

  #batch(
    { to, ...sink }: RemoteLogSink,
    path: string,
    statName: string,
    frame: (records: readonly Uint8Array[]) => Uint8Array,
  ): LogBatch {
    const framing =
      sink.kind === 'grpc' ? sink.protocol : [sink.resource, sink.builtinLabels, sink.statPrefix];
    const key = JSON.stringify([path, framing, to]);
    let batch = this.#batches.get(key);
    if (batch === undefined) {
      const context = this.#context;
      const { service } = to;
      const target = grpcTarget(service, context, callTimeoutMs);
      const send = (records: readonly Uint8Array[], done: (taken: boolean) => void): void =>
        void tellGrpc(context, target, path, frame(records), (failure) => done(failure === undefined));
      batch = new LogBatch(to, context.clock, send, this.#statsOf(statName));
      this.#batches.set(key, batch);
    }
    return batch;
  }

  #statsOf(name: string): RemoteLogStats {
    let stats = this.#stats.get(name);
    if (stats === undefined) {
      stats = new RemoteLogStats(name);
      this.#stats.set(name, stats);
      this.#context.stats.add(stats);
    }
    return stats;
  }
}
