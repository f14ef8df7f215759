import type { PortProtocol, RouteDestination, TcpRoute, TlsRoute } from '@lateen/config';
import type { View } from '../../engine/query.ts';
import type { VirtualService } from '../../model/config-object.ts';
import { resolveHost } from '../../model/hostname.ts';
import { selects, type Labels } from '../../model/labels.ts';
import { settingsOf } from '../../model/settings.ts';
import { outboundClusterName } from '../cluster-name.ts';
import { portOf } from '../route/action.ts';
import { destinationFacts, type RoutePlace } from '../route/http-route.ts';
import type { WeightedTarget } from './network-filter.ts';

/** Which connections of a listener go where. */
export interface TcpChain {
  /** Server names asked for in TLS; empty for any connection. */
  readonly serverNames: readonly string[];
  /** Blocks of destination addresses; empty for any. */
  readonly destinationSubnets: readonly string[];
  readonly targets: readonly WeightedTarget[];
  /** What the port is named for; undefined where that is not known. */
  readonly protocol?: PortProtocol;
}

interface Condition {
  readonly port?: number;
  readonly sourceLabels?: Labels;
  readonly sourceNamespace?: string;
  readonly gateways?: readonly string[];
  readonly destinationSubnets?: readonly string[];
}

function appliesAt(match: Condition, place: RoutePlace): boolean {
  if (match.port !== undefined && match.port !== place.listenPort) return false;
  if (match.sourceNamespace !== undefined && match.sourceNamespace !== place.scope.namespace) return false;
  if (!selects(match.sourceLabels, place.scope.labels)) return false;
  const { gateways } = match;
  return gateways === undefined || gateways.length === 0 || gateways.some((name) => place.gateways.has(name));
}

function targetsOf(
  view: View,
  rule: VirtualService,
  destinations: readonly RouteDestination[],
  place: RoutePlace,
): WeightedTarget[] {
  const { domain } = settingsOf(view);
  return destinations
    .filter((entry) => entry.weight !== 0 || destinations.length === 1)
    .map(({ destination, weight }) => {
      const hostname = resolveHost(destination.host, rule.namespace, domain);
      const facts = destinationFacts(view, place.scope, hostname);
      const port = portOf(destination, facts, place.listenPort);
      return { cluster: outboundClusterName(hostname, port, destination.subset), weight: weight ?? 1 };
    });
}

/** The chains of a VirtualService's `tls` routes at a place. */
export function tlsChains(view: View, rule: VirtualService, place: RoutePlace): TcpChain[] {
  return (rule.spec.tls ?? []).flatMap((route: TlsRoute) =>
    (route.match ?? [])
      .filter((match) => appliesAt(match, place))
      .map((match) => ({
        serverNames: match.sniHosts,
        destinationSubnets: match.destinationSubnets ?? [],
        targets: targetsOf(view, rule, route.route ?? [], place),
      })),
  );
}

/** The chains of a VirtualService's `tcp` routes at a place, up to the first that takes everything. */
export function tcpChains(view: View, rule: VirtualService, place: RoutePlace): TcpChain[] {
  const chains: TcpChain[] = [];
  for (const route of rule.spec.tcp ?? ([] as readonly TcpRoute[])) {
    const targets = targetsOf(view, rule, route.route ?? [], place);
    const matches: readonly Condition[] =
      route.match === undefined || route.match.length === 0 ? [{}] : route.match;
    for (const match of matches) {
      if (!appliesAt(match, place)) continue;
      const destinationSubnets = match.destinationSubnets ?? [];
      chains.push({ serverNames: [], destinationSubnets, targets });
      if (destinationSubnets.length === 0) return chains;
    }
  }
  return chains;
}
