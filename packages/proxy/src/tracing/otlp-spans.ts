import { ByteWriter } from '@lateen/protocol';
import { attribute, bytes, fixed64, message, tag, text } from '../telemetry/otlp-fields.ts';
import type { Span } from './span.ts';

/** What OpenTelemetry is told of the sender. */
export interface OtlpResource {
  readonly service: string;
  readonly version: string;
  readonly scope: string;
}

const kinds = { server: 2, client: 3 } as const;
const statusError = 2;

/**
 * The bytes of an `ExportTraceServiceRequest` (https://opentelemetry.io/docs/specs/otlp/). Written from the end to the
 * front, so fields come in the reverse of their order.
 */
export function otlpSpans(spans: readonly Span[], resource: OtlpResource): Uint8Array {
  const writer = new ByteWriter();
  message(writer, 1, () => {
    // ResourceSpans: resource 1, scope_spans 2.
    message(writer, 2, () => {
      for (let i = spans.length - 1; i >= 0; i--) {
        const span = spans[i] as Span;
        message(writer, 2, () => writeSpan(writer, span));
      }
      message(writer, 1, () => text(writer, 1, resource.scope));
    });
    message(writer, 1, () => {
      attribute(writer, 1, 'telemetry.sdk.version', resource.version);
      attribute(writer, 1, 'telemetry.sdk.name', 'lateen');
      attribute(writer, 1, 'telemetry.sdk.language', 'nodejs');
      attribute(writer, 1, 'service.name', resource.service);
    });
  });
  return writer.finish();
}

// Span: trace_id 1, span_id 2, trace_state 3, parent_span_id 4, name 5, kind 6, start 7, end 8, attributes 9, status 15.
function writeSpan(writer: ByteWriter, span: Span): void {
  if (isError(span)) {
    message(writer, 15, () => {
      writer.uint32(statusError);
      writer.uint32(tag(3, 0));
    });
  }
  for (let i = span.tags.length - 1; i >= 0; i--) {
    const [name, value] = span.tags[i] as [string, string];
    attribute(writer, 9, name, value);
  }
  writer.fixed64((span.startUs + span.durationUs) * 1_000);
  writer.uint32(tag(8, fixed64));
  writer.fixed64(span.startUs * 1_000);
  writer.uint32(tag(7, fixed64));
  writer.uint32(kinds[span.kind]);
  writer.uint32(tag(6, 0));
  text(writer, 5, span.name);
  if (span.parentId !== undefined) bytes(writer, 4, span.parentId);
  if (span.state !== undefined) text(writer, 3, span.state);
  bytes(writer, 2, span.id);
  bytes(writer, 1, span.traceId.padStart(32, '0'));
}

/** Errors of a server are 5xx, those of a client 4xx as well (OpenTelemetry, semantic conventions for HTTP spans). */
function isError(span: Span): boolean {
  const status = Number(span.tags.find(([name]) => name === 'http.status_code')?.[1] ?? 0);
  return status === 0 || status >= (span.kind === 'client' ? 400 : 500);
}
