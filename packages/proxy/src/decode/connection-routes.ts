import type {
  HttpConnectionManager as HcmMessage,
  Rds,
  ScopedRoutes,
  ScopedRoutes_ScopeKeyBuilder_FragmentBuilder as FragmentMessage,
} from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import * as hcm from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import type { ScopedRouteConfiguration } from '@lateen/protocol/envoy/config/route/v3';
import * as route from '@lateen/protocol/envoy/config/route/v3';
import type { HttpConnectionManager, RouteSource, ScopeFragment } from '../model/index.ts';
import { decodeReference } from './config-source.ts';
import { fieldPolicy } from './field-policy.ts';
import { decodeRouteConfiguration } from './route.ts';
import type { Scope } from './scope.ts';

const rdsPolicy = fieldPolicy(hcm.Rds, ['configSource', 'routeConfigName']);
const scopedPolicy = fieldPolicy(
  hcm.ScopedRoutes,
  ['scopeKeyBuilder', 'rdsConfigSource', 'scopedRouteConfigurationsList'],
  { name: 'only of use with scoped_rds, which is refused' },
);
const extractorPolicy = fieldPolicy(hcm.ScopedRoutes_ScopeKeyBuilder_FragmentBuilder_HeaderValueExtractor, [
  'name',
  'elementSeparator',
  'index',
  'element',
]);
const scopePolicy = fieldPolicy(
  route.ScopedRouteConfiguration,
  ['name', 'routeConfigurationName', 'routeConfiguration', 'key'],
  { onDemand: 'the tables of all scopes are fetched at the start' },
);

export const connectionRoutePolicies = [rdsPolicy, scopedPolicy, extractorPolicy, scopePolicy];

/** Where the routes of a connection manager come from. */
export function decodeRoutes(scope: Scope, message: HcmMessage): HttpConnectionManager['routes'] {
  const { rds, scopedRoutes } = message;
  if (rds !== undefined) return decodeRds(scope.at('rds'), rds);
  if (scopedRoutes !== undefined) return decodeScoped(scope.at('scopedRoutes'), scopedRoutes);
  if (message.routeConfig === undefined) scope.fail('must have one of rds, route_config, scoped_routes');
  return {
    kind: 'inline',
    // As Envoy: clusters are validated where the table comes with its listener, unless it says otherwise.
    config: decodeRouteConfiguration(scope.at('routeConfig'), {
      validateClusters: true,
      ...message.routeConfig,
    }),
  };
}

function decodeRds(scope: Scope, rds: Rds): RouteSource {
  scope.check(rdsPolicy, rds);
  const { routeConfigName: name = '' } = rds;
  decodeReference(scope.at('configSource'), rds.configSource, 'routes', name);
  if (name === '') scope.at('routeConfigName').fail('must not be empty');
  return { kind: 'rds', name };
}

function decodeScoped(scope: Scope, message: ScopedRoutes): HttpConnectionManager['routes'] {
  scope.check(scopedPolicy, message);
  const builder = scope.at('scopeKeyBuilder').at('fragments');
  const fragments = message.scopeKeyBuilder?.fragments ?? [];
  if (fragments.length === 0) builder.fail('must have at least one');
  const list = message.scopedRouteConfigurationsList?.scopedRouteConfigurations ?? [];
  if (list.length === 0)
    scope.at('scopedRouteConfigurationsList').fail('must have at least one configuration');
  const at = scope.at('scopedRouteConfigurationsList').at('scopedRouteConfigurations');
  return {
    kind: 'scoped',
    fragments: fragments.map((fragment, i) => decodeFragment(builder.at(i), fragment)),
    scopes: list.map((one, i) => decodeOneScope(scope, at.at(i), one, message)),
  };
}

function decodeFragment(scope: Scope, message: FragmentMessage): ScopeFragment {
  const at = scope.at('headerValueExtractor');
  const extractor = message.headerValueExtractor ?? {};
  at.check(extractorPolicy, extractor);
  if (extractor.name === undefined) at.at('name').fail('must not be empty');
  const shared = {
    header: (extractor.name ?? '').toLowerCase(),
    elementSeparator: extractor.elementSeparator ?? '',
  };
  const { element } = extractor;
  if (element !== undefined) {
    if (shared.elementSeparator === '') at.at('elementSeparator').fail('must not be empty with element');
    return { ...shared, kind: 'element', separator: element.separator ?? '', key: element.key ?? '' };
  }
  return { ...shared, kind: 'index', index: extractor.index ?? 0 };
}

function decodeOneScope(
  all: Scope,
  scope: Scope,
  message: ScopedRouteConfiguration,
  { rdsConfigSource }: ScopedRoutes,
): { readonly key: readonly string[]; readonly routes: RouteSource } {
  scope.check(scopePolicy, message);
  const key = (message.key?.fragments ?? []).map(({ stringKey }) => stringKey ?? '');
  if (message.routeConfiguration !== undefined) {
    const config = decodeRouteConfiguration(scope.at('routeConfiguration'), message.routeConfiguration);
    return { key, routes: { kind: 'inline', config } };
  }
  if (message.routeConfigurationName === undefined) {
    scope.fail('must have one of route_configuration, route_configuration_name');
  }
  const { routeConfigurationName: name = '' } = message;
  if (rdsConfigSource !== undefined) {
    decodeReference(all.at('rdsConfigSource'), rdsConfigSource, 'routes', name);
  }
  return { key, routes: { kind: 'rds', name } };
}
