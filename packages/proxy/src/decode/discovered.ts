import type { Any } from '@lateen/protocol';
import type { ExtensionConfigSource } from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import type { DiscoveredFilter } from '../model/index.ts';
import { decodeConfigSource, decodeReference } from './config-source.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const sourcePolicy = fieldPolicy(core.ExtensionConfigSource, [
  'configSource',
  'defaultConfig',
  'applyDefaultConfigWithoutWarming',
  'typeUrls',
]);

export const discoveredPolicies = [sourcePolicy];

/** A filter whose configuration comes by itself; `decodeStandard` reads the one that holds until then. */
export function decodeDiscovered<Config>(
  scope: Scope,
  message: ExtensionConfigSource,
  name: string,
  decodeStandard: (any: Any) => Config,
): DiscoveredFilter<Config> {
  scope.check(sourcePolicy, message);
  const { defaultConfig, typeUrls = [], configSource } = message;
  const immediate = message.applyDefaultConfigWithoutWarming === true;
  if (typeUrls.length === 0) scope.at('typeUrls').fail('must have at least one');
  if (immediate && defaultConfig === undefined) {
    scope.at('defaultConfig').fail('must be set with apply_default_config_without_warming');
  }
  const at = scope.at('configSource');
  if (immediate) at.refersTo('extensions', name, decodeConfigSource(at, configSource));
  else decodeReference(at, configSource, 'extensions', name);
  return {
    kind: 'discovered',
    ...(defaultConfig === undefined ? {} : { standard: decodeStandard(defaultConfig) }),
    typeNames: typeUrls.map((typeUrl) => typeUrl.slice(typeUrl.lastIndexOf('/') + 1)),
    awaited: !immediate,
  };
}
