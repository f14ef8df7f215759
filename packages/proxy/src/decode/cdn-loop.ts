import { CdnLoopConfig } from '@lateen/protocol/envoy/extensions/filters/http/cdn_loop/v3';
import { isCdnId } from '../decide/cdn-loop.ts';
import type { HttpFilterConfig } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const configPolicy = fieldPolicy(CdnLoopConfig, ['cdnId', 'maxAllowedOccurrences']);

export const cdnLoopPolicies = [configPolicy];

/** What this proxy is called among CDNs, and how often a request may have been here. */
export function decodeCdnLoop(scope: Scope, message: CdnLoopConfig): HttpFilterConfig {
  scope.check(configPolicy, message);
  const { cdnId = '', maxAllowedOccurrences = 0 } = message;
  if (!isCdnId(cdnId)) scope.at('cdnId').fail('must be a host, with or without a port, or a token');
  return { kind: 'cdn_loop', cdnId, maxOccurrences: maxAllowedOccurrences };
}
