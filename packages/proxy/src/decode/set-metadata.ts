import * as setMetadata from '@lateen/protocol/envoy/extensions/filters/http/set_metadata/v3';
import type { MetadataToSet } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const configPolicy = fieldPolicy(setMetadata.Config, ['metadataNamespace', 'value', 'metadata']);
const metadataPolicy = fieldPolicy(setMetadata.Metadata, ['metadataNamespace', 'allowOverwrite', 'value']);

export const setMetadataPolicies = [configPolicy, metadataPolicy];

/** What is said of requests; the older fields come first and overwrite. */
export function decodeSetMetadata(scope: Scope, message: setMetadata.Config): MetadataToSet[] {
  scope.check(configPolicy, message);
  const { metadataNamespace, value, metadata = [] } = message;
  const old = metadataNamespace === undefined || value === undefined ? [] : [{ metadataNamespace, value }];
  const listed = metadata.map((one, i) => {
    const at = scope.at('metadata').at(i);
    at.check(metadataPolicy, one);
    if ((one.metadataNamespace ?? '') === '') at.at('metadataNamespace').fail('must not be empty');
    return one;
  });
  return [...old.map((one) => ({ ...one, allowOverwrite: true })), ...listed].map((one) => ({
    namespace: one.metadataNamespace ?? '',
    value: (one.value ?? {}) as MetadataToSet['value'],
    overwrite: one.allowOverwrite ?? false,
  }));
}
