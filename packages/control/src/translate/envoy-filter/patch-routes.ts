import { RouteConfiguration, Route, VirtualHost } from '@lateen/protocol/envoy/config/route/v3';
import type { EnvoyFilterPatch } from '../../model/envoy-filter.ts';
import { editList } from './edit-list.ts';
import { mergeMessage } from './merge-message.ts';

/** What a route configuration is for. */
export interface RoutePlace {
  /** Ports of services or, at gateways, of servers. */
  readonly ports: readonly number[];
  /** Of the one server of a gateway that ends TLS: the name of its port, and `namespace/name` of its Gateway. */
  readonly portName?: string;
  readonly gateway?: string;
}

/** A route configuration after a patch. */
export function patchRoutes(
  config: RouteConfiguration,
  patch: EnvoyFilterPatch,
  place: RoutePlace,
): RouteConfiguration {
  const wanted = patch.match.routeConfiguration;
  if (wanted?.name !== undefined && wanted.name !== config.name) return config;
  if (wanted?.portNumber !== undefined && !place.ports.includes(wanted.portNumber)) return config;
  if (wanted?.gateway !== undefined && wanted.gateway !== place.gateway) return config;
  if (wanted?.portName !== undefined && wanted.portName !== place.portName) return config;
  const { vhost } = wanted ?? {};
  const isMeantHost = (host: VirtualHost): boolean =>
    (vhost?.name === undefined || vhost.name === host.name) &&
    (vhost?.domainName === undefined || (host.domains ?? []).includes(vhost.domainName));
  switch (patch.applyTo) {
    case 'ROUTE_CONFIGURATION':
      return mergeMessage(RouteConfiguration, config, patch.value as RouteConfiguration, patch.registry);
    case 'VIRTUAL_HOST': {
      const isNamed = vhost?.name !== undefined || vhost?.domainName !== undefined;
      const edit = { type: VirtualHost, isMeant: isMeantHost, isNamed };
      return { ...config, virtualHosts: editList(config.virtualHosts ?? [], patch, edit) };
    }
    case 'HTTP_ROUTE': {
      const { route } = vhost ?? {};
      const isMeant = (one: Route): boolean =>
        (route?.name === undefined || route.name === one.name) && hasAction(one, route?.action);
      const edit = { type: Route, isMeant, isNamed: route !== undefined, firstIfMeant: true };
      const virtualHosts = (config.virtualHosts ?? []).map((host) =>
        isMeantHost(host) ? { ...host, routes: editList(host.routes ?? [], patch, edit) } : host,
      );
      return { ...config, virtualHosts };
    }
    default:
      return config;
  }
}

function hasAction(route: Route, action: string | undefined): boolean {
  switch (action) {
    case 'ROUTE':
      return route.route !== undefined;
    case 'REDIRECT':
      return route.redirect !== undefined;
    case 'DIRECT_RESPONSE':
      return route.directResponse !== undefined;
    default:
      return true;
  }
}
