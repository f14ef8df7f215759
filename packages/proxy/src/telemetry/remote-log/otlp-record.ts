import { ByteWriter } from '@lateen/protocol';
import type { Problem } from '@lateen/core';
import type { LogAttributes, RemoteLogSink } from '../../model/access-log.ts';
import type { JsonValue } from '../../model/metadata.ts';
import { compileJson } from '../access-log.ts';
import { attribute, bytes, fixed64, message, tag, text } from '../otlp-fields.ts';
import type { StreamInfo } from '../stream-info.ts';

type OpenTelemetrySink = RemoteLogSink & { readonly kind: 'open_telemetry' };

const varint = 0;

/** Compiles a record of OpenTelemetry (`LogRecord`); unknown command operators go to `bad`. */
export function compileRecord(sink: OpenTelemetrySink, bad: Problem[]): (info: StreamInfo) => Uint8Array {
  const body = sink.body === undefined ? undefined : compileJson(sink.body, false, 'body', bad);
  const attributes = sink.attributes.map(
    ([name, value]) => [name, compileJson(value, false, `attributes.${name}`, bad)] as const,
  );
  // time 1, body 5, attributes 6, trace id 9, observed time 11; from the end to the front.
  return (info) => {
    const writer = new ByteWriter(512);
    writer.fixed64((info.startWallMs + info.durationMs) * 1_000_000);
    writer.uint32(tag(11, fixed64));
    const { traceId = '' } = info;
    if (traceId !== '') bytes(writer, 9, traceId.padStart(32, '0'));
    for (const [name, make] of attributes.toReversed()) keyValue(writer, 6, name, make(info));
    if (body !== undefined) message(writer, 5, () => anyValue(writer, body(info)));
    writer.fixed64(info.startWallMs * 1_000_000);
    writer.uint32(tag(1, fixed64));
    return writer.finish();
  };
}

/** The names of the log and of the node. */
export interface BuiltinLabels {
  readonly log_name: string;
  readonly zone_name: string;
  readonly cluster_name: string;
  readonly node_name: string;
}

/** Frames records as an `ExportLogsServiceRequest` of one resource. */
export function recordsFrame(
  resource: LogAttributes,
  labels: BuiltinLabels | undefined,
): (records: readonly Uint8Array[]) => Uint8Array {
  return (records) => {
    const writer = new ByteWriter();
    // resource_logs 1 { resource 1 { attributes 1 }, scope_logs 2 { log_records 2 } }.
    message(writer, 1, () => {
      message(writer, 2, () => {
        for (const record of records.toReversed()) {
          writer.lengthDelimited(record);
          writer.uint32(tag(2, 2));
        }
      });
      message(writer, 1, () => {
        for (const [name, value] of resource.toReversed()) keyValue(writer, 1, name, value);
        for (const [name, value] of Object.entries(labels ?? {}).toReversed())
          attribute(writer, 1, name, value as string);
      });
    });
    return writer.finish();
  };
}

function keyValue(writer: ByteWriter, field: number, name: string, value: JsonValue | undefined): void {
  message(writer, field, () => {
    message(writer, 2, () => anyValue(writer, value));
    text(writer, 1, name);
  });
}

/**
 * The fields of an `AnyValue`. Values of operators are texts, as in Envoy, which writes the configured value with its
 * operators carried out; `-` where there is nothing to tell.
 */
function anyValue(writer: ByteWriter, value: JsonValue | undefined): void {
  if (Array.isArray(value)) {
    message(writer, 5, () => {
      for (const one of value.toReversed()) message(writer, 1, () => anyValue(writer, one as JsonValue));
    });
  } else if (typeof value === 'object' && value !== null) {
    message(writer, 6, () => {
      for (const [name, one] of Object.entries(value).toReversed()) keyValue(writer, 1, name, one);
    });
  } else if (typeof value === 'boolean') {
    writer.uint32(value ? 1 : 0);
    writer.uint32(tag(2, varint));
  } else text(writer, 1, value === null || value === undefined ? '-' : String(value));
}
