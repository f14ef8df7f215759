import type { Filter } from '@lateen/protocol/envoy/config/listener/v3';
import type { HttpFilter } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import type { View } from '../../engine/query.ts';
import type { AuthorizationProvider } from '../../model/authorization-provider.ts';
import type { AuthorizationPolicy } from '../../model/config-object.ts';
import { service } from '../../model/registry.ts';
import { settingsOf } from '../../model/settings.ts';
import { serviceEntriesByHost, servicesByHost } from '../../model/tables.ts';
import { askedPrefix, askedStatPrefix, askingFilter, connectionAskingFilter } from './ext-authz.ts';
import { httpRbac, networkRbac, ruleSets } from './rbac-filter.ts';
import type { RuleContext } from './rbac-rule.ts';
import type { SecurityFilters } from './security-filters.ts';

/** Ends the names of rules that refuse because nobody can be asked (Istio's word). */
const badCustomSuffix = '-deny-due-to-bad-CUSTOM-action';

type Context = Pick<RuleContext, 'carries' | 'trustDomains'>;

/** The rules of policies, of which those that are only tried are left out: nobody is asked for a trial. */
function rulesOf(policies: readonly AuthorizationPolicy[], context: Context) {
  return ruleSets(policies, 'DENY', context, `${askedPrefix}-`).rules;
}

/** Refuses what policies would have had somebody asked about, where nobody can be asked. */
function refusing(policies: readonly AuthorizationPolicy[], context: Context): ReturnType<typeof ruleSets> {
  const rules = rulesOf(policies, context);
  if (rules === undefined) return {};
  const renamed = Object.entries(rules.policies ?? {}).map(([name, policy]) => [
    `${name}${badCustomSuffix}`,
    policy,
  ]);
  return { rules: { ...rules, policies: Object.fromEntries(renamed) } };
}

/** Marks the requests that policies are about, and asks about those. */
function asking(
  policies: readonly AuthorizationPolicy[],
  provider: AuthorizationProvider,
  hostname: string,
  context: Context,
): readonly HttpFilter[] {
  const rules = rulesOf(policies, context);
  if (rules === undefined) return [];
  return [
    httpRbac({ shadowRules: rules, shadowRulesStatPrefix: askedStatPrefix }),
    askingFilter(provider, hostname),
  ];
}

/** Marks the connections that policies are about, and asks about those; conditions on requests are left out. */
function askingAboutConnections(
  policies: readonly AuthorizationPolicy[],
  provider: AuthorizationProvider,
  hostname: string,
  context: Context,
): readonly Filter[] {
  const rules = rulesOf(policies, context);
  if (rules === undefined) return [];
  return [
    networkRbac({ shadowRules: rules, shadowRulesStatPrefix: askedStatPrefix }),
    connectionAskingFilter(provider, hostname),
  ];
}

/** The full name of a provider's service, written `host` or `namespace/host`; undefined where the mesh has none. */
function hostnameOf(view: View, written: string): string | undefined {
  const slash = written.indexOf('/');
  const hostname = written.slice(slash + 1);
  const namespace = slash === -1 ? undefined : written.slice(0, slash);
  const isThere =
    namespace === undefined
      ? view.keysBy(servicesByHost, hostname).length > 0 ||
        view.keysBy(serviceEntriesByHost, hostname).length > 0
      : view.get(service, `${namespace}/${hostname}`) !== undefined;
  return isThere ? hostname : undefined;
}

/**
 * What policies with action CUSTOM become: the service is asked before anything else is judged.
 *
 * What cannot be asked about is refused: where the provider is not in the mesh configuration or its service
 * not in the mesh, and where policies of one workload name several providers (Istio: one provider a workload).
 * On TCP a provider for HTTP cannot be asked, and connections pass, as in Istio.
 */
export function customFilters(
  view: View,
  policies: readonly AuthorizationPolicy[],
  trustDomains: readonly string[],
): SecurityFilters {
  const custom = policies.filter(({ spec }) => spec.action === 'CUSTOM');
  if (custom.length === 0) return { http: [], network: [] };
  const onHttp: Context = { carries: 'http', trustDomains };
  const onTcp: Context = { carries: 'tcp', trustDomains };
  const names = new Set(custom.map(({ spec }) => spec.provider?.name));
  const provider =
    names.size === 1
      ? settingsOf(view).authorizationProviders.find(({ name }) => names.has(name))
      : undefined;
  const hostname = provider === undefined ? undefined : hostnameOf(view, provider.service);
  if (provider === undefined || hostname === undefined) {
    return {
      http: [httpRbac(refusing(custom, onHttp))],
      network: [networkRbac(refusing(custom, onTcp))],
    };
  }
  return {
    http: asking(custom, provider, hostname, onHttp),
    network: provider.protocol === 'http' ? [] : askingAboutConnections(custom, provider, hostname, onTcp),
  };
}
