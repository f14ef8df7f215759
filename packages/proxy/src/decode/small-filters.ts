import * as buffer from '@lateen/protocol/envoy/extensions/filters/http/buffer/v3';
import * as headerMutation from '@lateen/protocol/envoy/extensions/filters/http/header_mutation/v3';
import { OriginalSrc } from '@lateen/protocol/envoy/extensions/filters/http/original_src/v3';
import type { HeaderMutations, HttpFilterConfig } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHeaderMutations } from './header-mutation.ts';
import type { Scope } from './scope.ts';

const bufferPolicy = fieldPolicy(buffer.Buffer, ['maxRequestBytes']);
const bufferRoutePolicy = fieldPolicy(buffer.BufferPerRoute, ['disabled', 'buffer']);
const originalSrcPolicy = fieldPolicy(OriginalSrc, ['mark']);
const filterPolicy = fieldPolicy(headerMutation.HeaderMutation, [
  'mutations',
  'mostSpecificHeaderMutationsWins',
]);
const mutationsPolicy = fieldPolicy(headerMutation.Mutations, ['requestMutations', 'responseMutations']);

export const smallFilterPolicies = [
  originalSrcPolicy,
  bufferPolicy,
  bufferRoutePolicy,
  filterPolicy,
  mutationsPolicy,
];

/** How much of a request may be held back. */
export function decodeBuffer(scope: Scope, message: buffer.Buffer): HttpFilterConfig {
  scope.check(bufferPolicy, message);
  const maxRequestBytes = message.maxRequestBytes ?? 0;
  if (maxRequestBytes < 1) scope.at('maxRequestBytes').fail('must be at least 1');
  return { kind: 'buffer', maxRequestBytes };
}

export function decodeBufferPerRoute(scope: Scope, message: buffer.BufferPerRoute): HttpFilterConfig {
  scope.check(bufferRoutePolicy, message);
  if (message.disabled === true) return { kind: 'disabled' };
  return decodeBuffer(scope.at('buffer'), message.buffer ?? {});
}

/** Requests are sent on from the address of their client. */
export function decodeOriginalSrc(scope: Scope, message: OriginalSrc): HttpFilterConfig {
  scope.check(originalSrcPolicy, message);
  return { kind: 'original_src', mark: message.mark ?? 0 };
}

/** Changes of headers at a place of the chain. */
export function decodeHeaderMutation(
  scope: Scope,
  message: headerMutation.HeaderMutation,
): Extract<HttpFilterConfig, { kind: 'header_mutation' }> {
  scope.check(filterPolicy, message);
  return {
    kind: 'header_mutation',
    mutations: decodeMutations(scope.at('mutations'), message.mutations ?? {}),
    mostSpecificWins: message.mostSpecificHeaderMutationsWins ?? false,
  };
}

function decodeMutations(scope: Scope, message: headerMutation.Mutations): HeaderMutations {
  scope.check(mutationsPolicy, message);
  return {
    request: decodeHeaderMutations(scope.at('requestMutations'), message.requestMutations),
    response: decodeHeaderMutations(scope.at('responseMutations'), message.responseMutations),
  };
}
