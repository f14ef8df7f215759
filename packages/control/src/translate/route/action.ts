import {
  durationMs,
  type Destination,
  type HttpRedirect,
  type HttpRoute,
  type HttpRouteDestination,
  type TrafficPolicy,
} from '@lateen/config';
import type {
  DirectResponseAction,
  RedirectAction,
  RouteAction,
  RouteAction_HashPolicy,
  RouteAction_RequestMirrorPolicy,
  WeightedCluster_ClusterWeight,
} from '@lateen/protocol/envoy/config/route/v3';
import { resolveHost } from '../../model/hostname.ts';
import { outboundClusterName } from '../cluster-name.ts';
import { policyOfPort } from '../cluster/traffic-policy.ts';
import { fraction } from './fault.ts';
import { headerFields, hostSetBy } from './headers.ts';
import { retryPolicy } from './retry.ts';

/** What a destination's service says about its cluster. */
export interface DestinationFacts {
  /** Ports of the service; empty where it is not known. */
  readonly ports: readonly number[];
  readonly trafficPolicy: TrafficPolicy | undefined;
  /** Policies of its subsets by name. */
  readonly subsets: Readonly<Record<string, TrafficPolicy | undefined>>;
}

/** What the translation of a route needs to know from outside of the rule. */
export interface RouteSurroundings {
  /** Namespace of the rule. */
  readonly namespace: string;
  readonly domain: string;
  /** Port that the request was sent to. */
  readonly listenPort: number;
  readonly factsOf: (hostname: string) => DestinationFacts;
}

/** The port of the service that a destination means: its own, the only one, or the one listened on. */
export function portOf(destination: Destination, facts: DestinationFacts, listenPort: number): number {
  if (destination.port?.number !== undefined) return destination.port.number;
  const [only, ...more] = facts.ports;
  return only !== undefined && more.length === 0 ? only : listenPort;
}

interface Target {
  readonly cluster: string;
  readonly hostname: string;
  readonly port: number;
  readonly hashPolicy: readonly RouteAction_HashPolicy[];
}

function targetOf(destination: Destination, around: RouteSurroundings): Target {
  const hostname = resolveHost(destination.host, around.namespace, around.domain);
  const facts = around.factsOf(hostname);
  const port = portOf(destination, facts, around.listenPort);
  const subset = destination.subset ?? '';
  return {
    cluster: outboundClusterName(hostname, port, subset),
    hostname,
    port,
    hashPolicy: hashPolicyOf(facts, subset, port),
  };
}

function hashPolicyOf(facts: DestinationFacts, subset: string, port: number): RouteAction_HashPolicy[] {
  const settings = policyOfPort(facts.trafficPolicy, facts.subsets[subset], port);
  return hashPolicies(settings.loadBalancer);
}

/** Where the hash of a request comes from, for a consistent-hash balancer. */
export function hashPolicies(balancer: TrafficPolicy['loadBalancer']): RouteAction_HashPolicy[] {
  const hash = balancer?.consistentHash;
  if (hash === undefined) return [];
  if (hash.httpHeaderName !== undefined) return [{ header: { headerName: hash.httpHeaderName } }];
  if (hash.httpCookie !== undefined) {
    const { name, path, ttl } = hash.httpCookie;
    const ttlMs = durationMs(ttl, undefined);
    return [
      {
        cookie: {
          name,
          ...(path === undefined ? {} : { path }),
          ...(ttlMs === undefined ? {} : { ttl: ttlMs }),
        },
      },
    ];
  }
  if (hash.useSourceIp === true) return [{ connectionProperties: { sourceIp: true } }];
  if (hash.httpQueryParameterName !== undefined) {
    return [{ queryParameter: { name: hash.httpQueryParameterName } }];
  }
  return [];
}

/** A forwarding action, and the name of what it does for traces. */
export interface Forwarding {
  readonly action: RouteAction;
  /** `reviews.default.svc.cluster.local:9080`, or undefined where the traffic is split. */
  readonly operationHost: string | undefined;
}

/** Destinations that get requests. */
function weighedDestinations({ route = [] }: HttpRoute): readonly HttpRouteDestination[] {
  return route.length === 1 ? route : route.filter((entry) => entry.weight !== 0);
}

/** The destination of all requests; undefined where the traffic is split. */
export function onlyDestination(route: HttpRoute): HttpRouteDestination | undefined {
  const destinations = weighedDestinations(route);
  return destinations.length === 1 ? destinations[0] : undefined;
}

/** The action of a rule that forwards. */
export function forwardAction(route: HttpRoute, around: RouteSurroundings): Forwarding {
  const { rewrite } = route;
  const destinations = weighedDestinations(route);
  const only = onlyDestination(route);
  const onlyTarget = only === undefined ? undefined : targetOf(only.destination, around);
  const host = rewrite?.authority ?? hostSetBy(route.headers) ?? hostSetBy(only?.headers);
  const regex = rewrite?.uriRegexRewrite;
  const action: RouteAction = {
    ...(onlyTarget === undefined ? split(destinations, around) : single(onlyTarget)),
    timeout: durationMs(route.timeout, 0),
    ...mirrorFields(route, around),
    ...retryFields(route),
    maxGrpcTimeout: durationMs(route.timeout, 0),
    ...(rewrite?.uri === undefined || rewrite.uri === '' ? {} : { prefixRewrite: rewrite.uri }),
    ...(regex === undefined
      ? {}
      : { regexRewrite: { pattern: { regex: regex.match ?? '' }, substitution: regex.rewrite ?? '' } }),
    ...(host === undefined || host === '' ? {} : { hostRewriteLiteral: host }),
  };
  return {
    action,
    operationHost: onlyTarget === undefined ? undefined : `${onlyTarget.hostname}:${onlyTarget.port}`,
  };
}

function single(target: Target): Partial<RouteAction> {
  return {
    cluster: target.cluster,
    ...(target.hashPolicy.length === 0 ? {} : { hashPolicy: target.hashPolicy }),
  };
}

function split(
  destinations: readonly HttpRouteDestination[],
  around: RouteSurroundings,
): Partial<RouteAction> {
  const targets = destinations.map((entry) => ({ entry, target: targetOf(entry.destination, around) }));
  const hashPolicy = targets.find(({ target }) => target.hashPolicy.length > 0)?.target.hashPolicy;
  const clusters = targets.map(({ entry, target }): WeightedCluster_ClusterWeight => {
    const host = hostSetBy(entry.headers);
    return {
      name: target.cluster,
      weight: entry.weight ?? 0,
      ...headerFields(entry.headers),
      ...(host === undefined ? {} : { hostRewriteLiteral: host }),
    };
  });
  return { weightedClusters: { clusters }, ...(hashPolicy === undefined ? {} : { hashPolicy }) };
}

function mirrorFields(
  route: HttpRoute,
  around: RouteSurroundings,
): { requestMirrorPolicies?: RouteAction_RequestMirrorPolicy[] } {
  const mirrors = [
    ...(route.mirrors ?? []).map(({ destination, percentage }) => ({ destination, percentage })),
    ...(route.mirror === undefined
      ? []
      : [{ destination: route.mirror, percentage: route.mirrorPercentage }]),
  ].filter(({ percentage }) => percentage === undefined || (percentage.value ?? 0) > 0);
  if (mirrors.length === 0) return {};
  return {
    requestMirrorPolicies: mirrors.map(({ destination, percentage }) => ({
      cluster: targetOf(destination, around).cluster,
      runtimeFraction: {
        defaultValue: percentage === undefined ? { numerator: 100 } : fraction(percentage.value ?? 0),
      },
      traceSampled: false,
    })),
  };
}

function retryFields(route: HttpRoute): Pick<RouteAction, 'retryPolicy'> {
  const policy = retryPolicy(route.retries);
  return policy === undefined ? {} : { retryPolicy: policy };
}

const redirectCodes: Readonly<Record<number, RedirectAction['responseCode']>> = {
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
};

/** The action of a rule that redirects. */
export function redirectAction(redirect: HttpRedirect, listenPort: number): RedirectAction {
  const port = redirectPort(redirect, listenPort);
  return {
    ...(redirect.scheme === undefined ? {} : { schemeRedirect: redirect.scheme }),
    ...(redirect.authority === undefined || redirect.authority === ''
      ? {}
      : { hostRedirect: redirect.authority }),
    ...(redirect.uri === undefined || redirect.uri === '' ? {} : { pathRedirect: redirect.uri }),
    ...(port === undefined ? {} : { portRedirect: port }),
    responseCode: redirectCodes[redirect.redirectCode ?? 301] ?? 'MOVED_PERMANENTLY',
  };
}

function redirectPort(redirect: HttpRedirect, listenPort: number): number | undefined {
  if (redirect.port !== undefined) return redirect.port;
  if (redirect.derivePort === 'FROM_REQUEST_PORT') return listenPort;
  if (redirect.derivePort !== 'FROM_PROTOCOL_DEFAULT') return undefined;
  return redirect.scheme === 'https' ? 443 : 80;
}

/** The action of a rule that answers at once. */
export function directResponseAction(answer: NonNullable<HttpRoute['directResponse']>): DirectResponseAction {
  const { string, bytes } = answer.body ?? {};
  return {
    status: answer.status,
    ...(string === undefined ? {} : { body: { inlineString: string } }),
    ...(bytes === undefined ? {} : { body: { inlineBytes: Buffer.from(bytes, 'base64') } }),
  };
}
