import type { Filter } from '@lateen/protocol/envoy/config/listener/v3';
import type { HttpFilter } from '@lateen/protocol/envoy/extensions/filters/network/http_connection_manager/v3';
import { query } from '../../engine/query.ts';
import type { SecurityPolicies } from '../../model/security-policies.ts';
import { settingsOf } from '../../model/settings.ts';
import { authorizationPolicies } from '../../model/tables.ts';
import { customFilters } from './custom-action.ts';
import { jwtFilter } from './jwt-filter.ts';
import { httpRbac, networkRbac, ownRuleSets } from './rbac-filter.ts';

/** The filters that decide who may pass, in the order in which Istio has them. */
export interface SecurityFilters {
  readonly http: readonly HttpFilter[];
  readonly network: readonly Filter[];
}

/** Whose filters: the policies of a workload, and whether it is a gateway, whose routes may ask for claims. */
export interface SecurityPlace extends SecurityPolicies {
  readonly atGateway: boolean;
}

/** What the policies of a workload become. */
export const securityFilters = query('security.filters', (view, of: SecurityPlace): SecurityFilters => {
  const { trustDomain, trustDomainAliases } = settingsOf(view);
  const trustDomains = [...new Set([trustDomain, ...trustDomainAliases])];
  const policies = of.authorization.flatMap((key) => view.row(authorizationPolicies, key) ?? []);
  const tokens = jwtFilter(view, of.authentication, of.atGateway);
  const custom = customFilters(view, policies, trustDomains);
  return {
    http: [
      ...custom.http,
      ...(tokens === undefined ? [] : [tokens]),
      ...ownRuleSets(policies, { carries: 'http', trustDomains }).map(httpRbac),
    ],
    network: [...custom.network, ...ownRuleSets(policies, { carries: 'tcp', trustDomains }).map(networkRbac)],
  };
});
