import type { SubstitutionFormatString } from '@lateen/protocol/envoy/config/core/v3';
import type {
  LocalReplyConfig as Message,
  ResponseMapper,
} from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import * as hcm from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import type { LocalReplyConfig, LocalReplyFormat, LocalReplyMapper } from '../model/index.ts';
import { decodeAccessLogFilter, decodeLogFormat } from './access-log.ts';
import { decodeDataSource } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderAdditions } from './headers.ts';
import type { Scope } from './scope.ts';

const replyPolicy = fieldPolicy(hcm.LocalReplyConfig, ['mappers', 'bodyFormat']);
const mapperPolicy = fieldPolicy(hcm.ResponseMapper, [
  'filter',
  'statusCode',
  'body',
  'bodyFormatOverride',
  'headersToAdd',
]);

export const localReplyPolicies = [replyPolicy, mapperPolicy];

/** What answers of the proxy itself look like. */
export function decodeLocalReply(scope: Scope, message: Message): LocalReplyConfig {
  scope.check(replyPolicy, message);
  const format = decodeFormat(scope.at('bodyFormat'), message.bodyFormat);
  return {
    mappers: (message.mappers ?? []).map((mapper, i) => decodeMapper(scope.at('mappers').at(i), mapper)),
    ...(format === undefined ? {} : { format }),
  };
}

function decodeMapper(scope: Scope, message: ResponseMapper): LocalReplyMapper {
  scope.check(mapperPolicy, message);
  const { filter, statusCode, body } = message;
  if (filter === undefined) scope.at('filter').fail('must be set');
  if (statusCode !== undefined && (statusCode < 200 || statusCode > 599))
    scope.at('statusCode').fail(`${statusCode} is not a status from 200 to 599`);
  const format = decodeFormat(scope.at('bodyFormatOverride'), message.bodyFormatOverride);
  const source = body === undefined ? undefined : decodeDataSource(scope.at('body'), body);
  if (source !== undefined && source.kind !== 'inline') {
    scope.at('body').fail('must be inline_string or inline_bytes');
  }
  return {
    filter: decodeAccessLogFilter(scope.at('filter'), filter ?? { notHealthCheckFilter: {} }),
    ...(statusCode === undefined ? {} : { status: statusCode }),
    ...(source?.kind === 'inline' ? { body: Buffer.from(source.bytes).toString('utf8') } : {}),
    ...(format === undefined ? {} : { format }),
    headers: decodeHeaderAdditions(scope.at('headersToAdd'), message.headersToAdd),
  };
}

function decodeFormat(
  scope: Scope,
  message: SubstitutionFormatString | undefined,
): LocalReplyFormat | undefined {
  const format = decodeLogFormat(scope, message);
  if (format === undefined) return undefined;
  return { format, ...(message?.contentType === undefined ? {} : { contentType: message.contentType }) };
}
