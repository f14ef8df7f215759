import type { GrpcServiceConfig } from './grpc-service.ts';
import type { CustomTag } from './tracing.ts';
import type { Fraction } from './string-match.ts';
import type { HeaderMatch } from './route.ts';
import type { JsonValue } from './metadata.ts';
import type { ValueMatch } from './value-match.ts';

/** Which requests are written. */
export type AccessLogFilter =
  | { readonly kind: 'status'; readonly op: 'eq' | 'ge' | 'le' | 'ne'; readonly value: number }
  | { readonly kind: 'duration'; readonly op: 'eq' | 'ge' | 'le' | 'ne'; readonly valueMs: number }
  | { readonly kind: 'not_health_check' }
  | { readonly kind: 'traceable' }
  | { readonly kind: 'runtime'; readonly fraction: Fraction }
  | { readonly kind: 'header'; readonly header: HeaderMatch }
  /** Empty: any flag. */
  | { readonly kind: 'response_flags'; readonly flags: readonly string[] }
  /** True for requests with one of the statuses; the other way round where `exclude`. */
  | { readonly kind: 'grpc_status'; readonly statuses: readonly number[]; readonly exclude: boolean }
  /** By Envoy's names of the events, as in `DownstreamEnd`. */
  | { readonly kind: 'log_type'; readonly types: readonly string[]; readonly exclude: boolean }
  | {
      readonly kind: 'metadata';
      readonly namespace: string;
      readonly path: readonly string[];
      readonly match: ValueMatch;
      readonly invert: boolean;
      readonly matchIfMissing: boolean;
    }
  /** An expression of CEL that is true. */
  | { readonly kind: 'expression'; readonly text: string }
  | { readonly kind: 'and' | 'or'; readonly filters: readonly AccessLogFilter[] };

/**
 * The shape of a line: text with Envoy's `%COMMANDS%`, or JSON whose strings hold them. With `omitEmpty` a command that
 * has nothing to say leaves nothing in a text, where it else leaves `-`, and no field in JSON.
 */
export type AccessLogFormat =
  | { readonly kind: 'text'; readonly text: string; readonly omitEmpty?: boolean }
  | {
      readonly kind: 'json';
      readonly json: { readonly [key: string]: JsonValue };
      readonly omitEmpty: boolean;
    };

/** A service that takes records of requests, and how they are gathered for it. */
export interface LogService {
  readonly service: GrpcServiceConfig;
  readonly logName: string;
  /** Sent when so many bytes wait; 0: each record by itself. */
  readonly bufferBytes: number;
  /** Sent after this at the latest. */
  readonly flushIntervalMs: number;
  readonly customTags: readonly CustomTag[];
}

/** Attributes of OpenTelemetry; command operators in their texts are carried out. */
export type LogAttributes = readonly (readonly [name: string, value: JsonValue])[];

/** Records to a service instead of lines to a file. */
export type RemoteLogSink =
  /** `envoy.service.accesslog.v3.AccessLogService`. */
  | {
      readonly kind: 'grpc';
      readonly protocol: 'http' | 'tcp';
      readonly to: LogService;
      /** Headers that are told beyond those of every record; names in lower case. */
      readonly requestHeaders: readonly string[];
      readonly responseHeaders: readonly string[];
      readonly responseTrailers: readonly string[];
    }
  /** `opentelemetry.proto.collector.logs.v1.LogsService`. */
  | {
      readonly kind: 'open_telemetry';
      readonly to: LogService;
      /** Names of the log and of the node among the resource's attributes. */
      readonly builtinLabels: boolean;
      readonly resource: LogAttributes;
      readonly body?: JsonValue;
      readonly attributes: LogAttributes;
      /** After `access_logs.open_telemetry_access_log.`. */
      readonly statPrefix: string;
    };

/** One access log; without a format, Envoy's default line. */
export interface AccessLog {
  readonly name: string;
  readonly sink:
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'stdout' }
    | { readonly kind: 'stderr' }
    | RemoteLogSink;
  readonly format?: AccessLogFormat;
  readonly filter?: AccessLogFilter;
}
