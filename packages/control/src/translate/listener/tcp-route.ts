import { durationMs, type RouteDestination, type TcpRoute, type TlsRoute } from '@lateen/config';
import type { View } from '../../engine/query.ts';
import type { VirtualService } from '../../model/config-object.ts';
import { resolveHost } from '../../model/hostname.ts';
import { selects, type Labels } from '../../model/labels.ts';
import type { Scope } from '../../model/scope.ts';
import { settingsOf } from '../../model/settings.ts';
import { outboundClusterName } from '../cluster-name.ts';
import { portOf, type DestinationFacts } from '../route/action.ts';
import { policyOfPort } from '../cluster/traffic-policy.ts';
import { destinationFacts, type RoutePlace } from '../route/http-route.ts';
import type { PassedConnections, TcpPolicy } from './network-filter.ts';

/** Which connections of a listener go where. */
export interface TcpChain extends PassedConnections {
  /** Server names asked for in TLS; empty for any connection. */
  readonly serverNames: readonly string[];
  /** Blocks of destination addresses; empty for any. */
  readonly destinationSubnets: readonly string[];
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

/** Where connections go that a rule does not lead elsewhere, or that it leads to one port of a host. */
export function toHost(
  view: View,
  scope: Scope,
  hostname: string,
  port: number,
  subset = '',
): PassedConnections {
  const policy = tcpPolicy(destinationFacts(view, scope, hostname), subset, port);
  return {
    targets: [{ cluster: outboundClusterName(hostname, port, subset), weight: 1 }],
    ...(policy === undefined ? {} : { policy }),
  };
}

/** What DestinationRules say of connections to one port of a subset; undefined where that is nothing. */
function tcpPolicy(facts: DestinationFacts, subset: string, port: number): TcpPolicy | undefined {
  const { connectionPool, loadBalancer, tunnel } = policyOfPort(
    facts.trafficPolicy,
    facts.subsets[subset],
    port,
  );
  const idleTimeoutMs = durationMs(connectionPool?.tcp?.idleTimeout, undefined);
  const maxDurationMs = durationMs(connectionPool?.tcp?.maxConnectionDuration, undefined);
  const policy: TcpPolicy = {
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
    ...(maxDurationMs === undefined ? {} : { maxDurationMs }),
    ...(loadBalancer?.consistentHash?.useSourceIp === true ? { hashesSourceAddress: true } : {}),
    ...(tunnel === undefined
      ? {}
      : {
          tunnel: {
            authority: `${tunnel.targetHost}:${tunnel.targetPort}`,
            usesPost: tunnel.protocol === 'POST',
          },
        }),
  };
  return Object.keys(policy).length === 0 ? undefined : policy;
}

/** Shares of several destinations; the first says how the connections are treated, as in Istio. */
function split(
  view: View,
  rule: VirtualService,
  destinations: readonly RouteDestination[],
  place: RoutePlace,
): PassedConnections {
  const { domain } = settingsOf(view);
  const shares = destinations
    .filter((entry) => entry.weight !== 0 || destinations.length === 1)
    .map(({ destination, weight }) => {
      const hostname = resolveHost(destination.host, rule.namespace, domain);
      const port = portOf(destination, destinationFacts(view, place.scope, hostname), place.listenPort);
      const { targets, policy } = toHost(view, place.scope, hostname, port, destination.subset);
      return { targets: targets.map((target) => ({ ...target, weight: weight ?? 1 })), policy };
    });
  const policy = shares[0]?.policy;
  return {
    targets: shares.flatMap(({ targets }) => targets),
    ...(policy === undefined ? {} : { policy }),
  };
}

/** The chains of a VirtualService's `tls` routes at a place. */
export function tlsChains(view: View, rule: VirtualService, place: RoutePlace): TcpChain[] {
  return (rule.spec.tls ?? []).flatMap((route: TlsRoute) =>
    (route.match ?? [])
      .filter((match) => appliesAt(match, place))
      .map((match) => ({
        serverNames: match.sniHosts,
        destinationSubnets: match.destinationSubnets ?? [],
        ...split(view, rule, route.route ?? [], place),
      })),
  );
}

/** The chains of a VirtualService's `tcp` routes at a place, up to the first that takes everything. */
export function tcpChains(view: View, rule: VirtualService, place: RoutePlace): TcpChain[] {
  const chains: TcpChain[] = [];
  for (const route of rule.spec.tcp ?? ([] as readonly TcpRoute[])) {
    const passed = split(view, rule, route.route ?? [], place);
    const matches: readonly Condition[] =
      route.match === undefined || route.match.length === 0 ? [{}] : route.match;
    for (const match of matches) {
      if (!appliesAt(match, place)) continue;
      const destinationSubnets = match.destinationSubnets ?? [];
      chains.push({ serverNames: [], destinationSubnets, ...passed });
      if (destinationSubnets.length === 0) return chains;
    }
  }
  return chains;
}
