import type { TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import type { ExtensionConfig } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeHttpFilter } from './http-filter.ts';
import { typeNameOf } from './typed-any.ts';
import { decodeNetworkFilter } from './network-filter.ts';
import type { Scope } from './scope.ts';

const extensionPolicy = fieldPolicy(core.TypedExtensionConfig, ['name', 'typedConfig']);

export const extensionPolicies = [extensionPolicy];

/** A configuration that comes by itself. */
export function decodeExtension(scope: Scope, message: TypedExtensionConfig): ExtensionConfig {
  scope.check(extensionPolicy, message);
  const { name = '', typedConfig } = message;
  const typeName = typeNameOf(typedConfig);
  const filter = { name, ...(typedConfig === undefined ? {} : { typedConfig }) };
  // The direction only matters for filters of Istio that are not discovered.
  const context = { trafficDirection: 'unspecified' } as const;
  return typeName.includes('.filters.network.')
    ? { name, typeName, layer: 'network', filter: decodeNetworkFilter(scope, filter, context) }
    : { name, typeName, layer: 'http', config: decodeHttpFilter(scope, filter, context).config };
}
