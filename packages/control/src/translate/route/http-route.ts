import type { HttpMatchRequest, HttpRoute } from '@lateen/config';
import type { Any } from '@lateen/protocol';
import type { Route } from '@lateen/protocol/envoy/config/route/v3';
import type { View } from '../../engine/query.ts';
import { objectKey, type VirtualService } from '../../model/config-object.ts';
import { flattenedRoutes } from '../../model/delegation.ts';
import { selects } from '../../model/labels.ts';
import { serviceSeenFrom } from '../../model/registry.ts';
import type { Scope } from '../../model/scope.ts';
import { settingsOf } from '../../model/settings.ts';
import { destinationPolicy } from '../../model/traffic-rules.ts';
import { configPath, istioMetadata } from '../istio-metadata.ts';
import {
  directResponseAction,
  forwardAction,
  onlyDestination,
  redirectAction,
  type DestinationFacts,
  type RouteSurroundings,
} from './action.ts';
import { corsConfig, corsFilter, faultConfig, faultFilter } from './fault.ts';
import { headerFields } from './headers.ts';
import { matchesAll, routeMatch } from './match.ts';

/** Where routes are translated for. */
export interface RoutePlace {
  readonly scope: Scope;
  /** `mesh`, or `namespace/name` of the gateways that a VirtualService may name to be here. */
  readonly gateways: ReadonlySet<string>;
  /** Port that requests are sent to. */
  readonly listenPort: number;
}

/** What is known of a destination: its ports and policies, as a scope sees them. */
export function destinationFacts(view: View, scope: Scope, hostname: string): DestinationFacts {
  const found = view.get(serviceSeenFrom, { namespace: scope.namespace, hostname });
  const policy = view.get(destinationPolicy, {
    scope,
    serviceNamespace: found?.namespace ?? scope.namespace,
    hostname,
  });
  return {
    ports: (found?.ports ?? []).map((port) => port.port),
    trafficPolicy: policy?.trafficPolicy,
    subsets: Object.fromEntries((policy?.subsets ?? []).map((subset) => [subset.name, subset.trafficPolicy])),
  };
}

/** The HTTP routes of a VirtualService at a place, up to the first that takes everything. */
export function httpRoutes(view: View, rule: VirtualService, place: RoutePlace): Route[] {
  const { domain } = settingsOf(view);
  const factsOf = (hostname: string): DestinationFacts => destinationFacts(view, place.scope, hostname);
  const routes: Route[] = [];
  for (const { route: http, owner } of flattenedRoutes(view, rule)) {
    const around: RouteSurroundings = {
      namespace: owner.namespace,
      domain,
      listenPort: place.listenPort,
      factsOf,
    };
    const matches: readonly (HttpMatchRequest | undefined)[] =
      http.match === undefined || http.match.length === 0 ? [undefined] : http.match;
    for (const match of matches) {
      if (!appliesAt(match, place)) continue;
      const route = translateRoute(owner, http, match, around);
      routes.push(route);
      if (matchesAll(route.match ?? {})) return routes;
    }
  }
  return routes;
}

/** Decides what can be decided now: the gateway, the port, and who asks. */
function appliesAt(match: HttpMatchRequest | undefined, place: RoutePlace): boolean {
  if (match === undefined) return true;
  if (match.port !== undefined && match.port !== place.listenPort) return false;
  if (match.sourceNamespace !== undefined && match.sourceNamespace !== place.scope.namespace) return false;
  if (!selects(match.sourceLabels, place.scope.labels)) return false;
  const { gateways } = match;
  return gateways === undefined || gateways.length === 0 || gateways.some((name) => isHere(name, place));
}

function isHere(gateway: string, place: RoutePlace): boolean {
  if (place.gateways.has(gateway)) return true;
  return !gateway.includes('/') && [...place.gateways].some((full) => full.endsWith(`/${gateway}`));
}

function translateRoute(
  rule: VirtualService,
  http: HttpRoute,
  match: HttpMatchRequest | undefined,
  around: RouteSurroundings,
): Route {
  const name = [http.name, match?.name].filter((part) => part !== undefined && part !== '').join('.');
  const conditions = routeMatch(match);
  const filters = filterConfigs(http);
  const base: Route = {
    ...(name === '' ? {} : { name }),
    match: conditions,
    metadata: istioMetadata({ config: configPath('virtual-service', objectKey(rule)) }),
    // Where the traffic is split, each share has the changes of its destination.
    ...headerFields(http.headers, onlyDestination(http)?.headers),
    ...(filters === undefined ? {} : { typedPerFilterConfig: filters }),
    ...(match?.statPrefix === undefined ? {} : { statPrefix: match.statPrefix }),
  };
  if (http.redirect !== undefined)
    return { ...base, redirect: redirectAction(http.redirect, around.listenPort) };
  if (http.directResponse !== undefined) {
    return { ...base, directResponse: directResponseAction(http.directResponse) };
  }
  const { action, operationHost } = forwardAction(http, around);
  const path = conditions.path ?? conditions.safeRegex?.regex ?? `${conditions.prefix ?? '/'}*`;
  return {
    ...base,
    route: action,
    decorator: { operation: `${operationHost ?? `${rule.name}:${around.listenPort}`}${path}` },
  };
}

function filterConfigs(http: HttpRoute): Readonly<Record<string, Any>> | undefined {
  if (http.fault === undefined && http.corsPolicy === undefined) return undefined;
  return {
    ...(http.corsPolicy === undefined ? {} : { [corsFilter]: corsConfig(http.corsPolicy) }),
    ...(http.fault === undefined ? {} : { [faultFilter]: faultConfig(http.fault) }),
  };
}
