import type {
  AccessLog as AccessLogMessage,
  AccessLogFilter as FilterMessage,
  ComparisonFilter,
} from '@lateen/protocol/envoy/config/accesslog/v3';
import * as accesslog from '@lateen/protocol/envoy/config/accesslog/v3';
import type { SubstitutionFormatString } from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import { ExpressionFilter } from '@lateen/protocol/envoy/extensions/access_loggers/filters/cel/v3';
import * as file from '@lateen/protocol/envoy/extensions/access_loggers/file/v3';
import * as stream from '@lateen/protocol/envoy/extensions/access_loggers/stream/v3';
import type { AccessLog, AccessLogFilter, AccessLogFormat, JsonValue } from '../model/index.ts';
import { checkExpression } from './expression.ts';
import { decodeRemoteLog } from './remote-log.ts';
import { decodeFraction } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderMatch } from './headers.ts';
import { typeNameOf } from './typed-any.ts';
import type { Scope } from './scope.ts';
import { metadataMatcherPolicy } from './metadata-match.ts';
import { decodeValueMatch } from './value-match.ts';

const logPolicy = fieldPolicy(accesslog.AccessLog, ['name', 'filter', 'typedConfig']);
const filterPolicy = fieldPolicy(accesslog.AccessLogFilter, [
  'statusCodeFilter',
  'durationFilter',
  'notHealthCheckFilter',
  'traceableFilter',
  'runtimeFilter',
  'andFilter',
  'orFilter',
  'headerFilter',
  'responseFlagFilter',
  'grpcStatusFilter',
  'metadataFilter',
  'logTypeFilter',
  'extensionFilter',
]);
const extensionPolicy = fieldPolicy(accesslog.ExtensionFilter, ['name', 'typedConfig']);
const expressionPolicy = fieldPolicy(ExpressionFilter, ['expression']);
const metadataFilterPolicy = fieldPolicy(accesslog.MetadataFilter, ['matcher', 'matchIfKeyNotFound']);
const filePolicy = fieldPolicy(file.FileAccessLog, [
  'path',
  'format',
  'jsonFormat',
  'typedJsonFormat',
  'logFormat',
]);
const formatPolicy = fieldPolicy(
  core.SubstitutionFormatString,
  ['textFormat', 'jsonFormat', 'textFormatSource', 'omitEmptyValues'],
  {
    contentType: 'of use in local replies only, where it is honoured',
    formatters: "the commands of Envoy's formatter extensions are known",
    jsonFormatOptions: 'keys are written in the order of the format',
  },
);

export const accessLogPolicies = [
  logPolicy,
  filterPolicy,
  extensionPolicy,
  expressionPolicy,
  metadataFilterPolicy,
  filePolicy,
  formatPolicy,
];

/** The access logs of a listener or a filter. */
export function decodeAccessLogs(
  scope: Scope,
  list: readonly AccessLogMessage[] | undefined,
): readonly AccessLog[] {
  return (list ?? []).flatMap((message, i) => {
    const log = decodeAccessLog(scope.at(i), message);
    return log === undefined ? [] : [log];
  });
}

function decodeAccessLog(scope: Scope, message: AccessLogMessage): AccessLog | undefined {
  scope.check(logPolicy, message);
  const at = scope.at('typedConfig');
  const type = typeNameOf(message.typedConfig);
  const shared = {
    name: message.name ?? '',
    ...(message.filter === undefined
      ? {}
      : { filter: decodeAccessLogFilter(scope.at('filter'), message.filter) }),
  };
  switch (type) {
    case file.FileAccessLog.typeName: {
      const config = at.unpack(file.FileAccessLog, message.typedConfig) ?? {};
      at.check(filePolicy, config);
      if (config.path === undefined) at.at('path').fail('must not be empty');
      const format = decodeFileFormat(at, config);
      return {
        ...shared,
        sink: { kind: 'file', path: config.path ?? '' },
        ...(format === undefined ? {} : { format }),
      };
    }
    case stream.StdoutAccessLog.typeName:
    case stream.StderrAccessLog.typeName: {
      const stdout = type === stream.StdoutAccessLog.typeName;
      const config = at.unpack(stdout ? stream.StdoutAccessLog : stream.StderrAccessLog, message.typedConfig);
      const format = decodeLogFormat(at.at('logFormat'), config?.logFormat);
      return {
        ...shared,
        sink: { kind: stdout ? 'stdout' : 'stderr' },
        ...(format === undefined ? {} : { format }),
      };
    }
    default: {
      const sink = decodeRemoteLog(at, message.typedConfig);
      if (sink === undefined) at.fail(`access logger ${type} is not known`);
      return sink === undefined ? undefined : { ...shared, sink };
    }
  }
}

function decodeFileFormat(scope: Scope, config: file.FileAccessLog): AccessLogFormat | undefined {
  if (config.format !== undefined) return { kind: 'text', text: config.format };
  const json = config.jsonFormat ?? config.typedJsonFormat;
  if (json !== undefined) return jsonFormat(json, false);
  return decodeLogFormat(scope.at('logFormat'), config.logFormat);
}

/** The shape of a line, and of an answer of the proxy itself. */
export function decodeLogFormat(
  scope: Scope,
  message: SubstitutionFormatString | undefined,
): AccessLogFormat | undefined {
  if (message === undefined) return undefined;
  scope.check(formatPolicy, message);
  const omitEmpty = message.omitEmptyValues ?? false;
  if (message.jsonFormat !== undefined) return jsonFormat(message.jsonFormat, omitEmpty);
  const text = message.textFormat ?? message.textFormatSource?.inlineString;
  if (text !== undefined) return { kind: 'text', text, omitEmpty };
  scope.fail('must have one of text_format, json_format, text_format_source.inline_string');
  return undefined;
}

function jsonFormat(json: object, omitEmpty: boolean): AccessLogFormat {
  return { kind: 'json', json: json as { readonly [key: string]: JsonValue }, omitEmpty };
}

const operators: Readonly<Record<string, 'eq' | 'ge' | 'le'>> = { EQ: 'eq', GE: 'ge', LE: 'le' };

/** A condition on a request that is over. */
export function decodeAccessLogFilter(scope: Scope, message: FilterMessage): AccessLogFilter {
  scope.check(filterPolicy, message);
  const comparison = (field: string, filter: { comparison?: ComparisonFilter | undefined }) => ({
    op: scope.at(field).at('comparison').at('op').choice(filter.comparison?.op, operators, 'eq'),
    value: filter.comparison?.value?.defaultValue ?? 0,
  });
  if (message.statusCodeFilter !== undefined) {
    return { kind: 'status', ...comparison('statusCodeFilter', message.statusCodeFilter) };
  }
  if (message.durationFilter !== undefined) {
    const { op, value } = comparison('durationFilter', message.durationFilter);
    return { kind: 'duration', op, valueMs: value };
  }
  if (message.notHealthCheckFilter !== undefined) return { kind: 'not_health_check' };
  if (message.traceableFilter !== undefined) return { kind: 'traceable' };
  if (message.runtimeFilter !== undefined) {
    const { percentSampled, runtimeKey } = message.runtimeFilter;
    return {
      kind: 'runtime',
      fraction: scope.live({
        ...decodeFraction(scope.at('runtimeFilter').at('percentSampled'), percentSampled),
        ...(runtimeKey === undefined ? {} : { runtimeKey }),
      }),
    };
  }
  if (message.headerFilter !== undefined) {
    const at = scope.at('headerFilter').at('header');
    return { kind: 'header', header: decodeHeaderMatch(at, message.headerFilter.header ?? {}) };
  }
  if (message.responseFlagFilter !== undefined) {
    return { kind: 'response_flags', flags: message.responseFlagFilter.flags ?? [] };
  }
  if (message.grpcStatusFilter !== undefined) {
    const { statuses = [], exclude = false } = message.grpcStatusFilter;
    const numbers = accesslog.GrpcStatusFilter_Status.byName;
    return {
      kind: 'grpc_status',
      statuses: statuses.map((one) => (typeof one === 'number' ? one : (numbers.get(one) ?? 2))),
      exclude,
    };
  }
  if (message.logTypeFilter !== undefined) {
    const { types = [], exclude = false } = message.logTypeFilter;
    return { kind: 'log_type', types: types.map(String), exclude };
  }
  if (message.metadataFilter !== undefined)
    return decodeMetadataFilter(scope.at('metadataFilter'), message.metadataFilter);
  if (message.extensionFilter !== undefined)
    return decodeExpressionFilter(scope.at('extensionFilter'), message.extensionFilter);
  const and = message.andFilter !== undefined;
  const list = (and ? message.andFilter : message.orFilter)?.filters ?? [];
  if (list.length === 0) scope.fail('must be a filter that is supported');
  const at = scope.at(and ? 'andFilter' : 'orFilter').at('filters');
  return {
    kind: and ? 'and' : 'or',
    filters: list.map((filter, i) => decodeAccessLogFilter(at.at(i), filter)),
  };
}

function decodeMetadataFilter(scope: Scope, message: accesslog.MetadataFilter): AccessLogFilter {
  scope.check(metadataFilterPolicy, message);
  const at = scope.at('matcher');
  const { matcher: condition = {} } = message;
  at.check(metadataMatcherPolicy, condition);
  return {
    kind: 'metadata',
    namespace: condition.filter ?? '',
    path: (condition.path ?? []).map(({ key = '' }) => key),
    match: decodeValueMatch(at.at('value'), condition.value ?? {}),
    invert: condition.invert ?? false,
    matchIfMissing: message.matchIfKeyNotFound ?? true,
  };
}

function decodeExpressionFilter(scope: Scope, message: accesslog.ExtensionFilter): AccessLogFilter {
  scope.check(extensionPolicy, message);
  const at = scope.at('typedConfig');
  const { expression = '' } = at.unpack(ExpressionFilter, message.typedConfig) ?? {};
  checkExpression(at.at('expression'), expression);
  return { kind: 'expression', text: expression };
}
