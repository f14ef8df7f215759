import type { Problem } from '@lateen/core';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import type { HeaderLine } from '../codec/header-block.ts';
import { headerReader, type RoutableRequest } from '../decide/header-match.ts';
import { regexEngine } from '../decide/regex-engine.ts';
import { parseUriRewrite, parseUriTemplate } from '../decide/uri-template.ts';
import type { HttpFilterConfig } from '../model/http-filter.ts';
import { subsetCriteria, type SubsetCriteria } from '../decide/subset-criteria.ts';
import type { Fraction } from '../model/string-match.ts';
import type {
  DirectResponseAction,
  ForwardAction,
  HedgePolicy,
  InternalRedirectPolicy,
  RedirectAction,
  Route,
  RouteTableSettings,
  VirtualHost,
} from '../model/route.ts';
import { compileHashPolicies, type RequestHash } from './hash-policy.ts';
import { compileHeaderOperations, type CompiledHeaderOperations } from './header-operations.ts';
import { compileRedirect, type Redirect } from './redirect.ts';
import { grpcLimitOf, timingOf, type GrpcLimit, type RequestTiming } from './request-timing.ts';
import { compileRetryPolicy, type CompiledRetryPolicy } from './retry-policy.ts';
import { compileRegexRewrite, matchedPathRewrite, splitQuery, type Rewrite } from './rewrite.ts';
import { plainTarget, type SharedParts } from './shared-parts.ts';
import type { RouteCompileContext } from './virtual-host.ts';
import { hostAddress } from '../wire/host-address.ts';

/** Istio's clusters for what is no service of the mesh. */
const foreignClusters = new Set(['PassthroughCluster', 'BlackHoleCluster', 'InboundPassthroughCluster']);

/** A cluster with what the choice of it changes. */
export interface ClusterTarget {
  readonly ref: ClusterRef;
  readonly requestHeaders: CompiledHeaderOperations | undefined;
  readonly responseHeaders: CompiledHeaderOperations | undefined;
  readonly hostRewrite: string | undefined;
  /** What the metadata of the endpoint must be. */
  readonly subset: SubsetCriteria | undefined;
  /** Of filters, before that of the route; undefined where there is none. */
  readonly filterConfig: Readonly<Record<string, HttpFilterConfig>> | undefined;
}

export interface CompiledMirror {
  /** The cluster of the copy; undefined where the request names none. */
  readonly choose: (request: RoutableRequest) => ClusterRef | undefined;
  readonly keepHost: boolean;
  /** Copies come from here besides, as `x-forwarded-for` says. */
  readonly from: string;
  readonly fraction: Fraction | undefined;
}

/** How long the stream of a request may be silent, and may last; see the fields of {@link ForwardAction}. */
export interface StreamLimits {
  readonly idleTimeoutMs: number | undefined;
  readonly maxDurationMs: number | undefined;
}

/** What requests read of every route comes first, so that it lies together. */
export interface CompiledForward {
  readonly kind: 'forward';
  /** The cluster where it is the same for all requests. */
  readonly only: ClusterTarget | undefined;
  readonly timing: RequestTiming;
  readonly priority: ForwardAction['priority'];
  /** The cluster of a request; `draw` is its random number in [0, 1). Undefined where a header names none. */
  readonly choose: (request: RoutableRequest, draw: number) => ClusterTarget | undefined;
  /** The path that the endpoint sees; undefined: unchanged. */
  readonly rewritePath: Rewrite | undefined;
  readonly rewriteHost: ((request: RoutableRequest) => string | undefined) | undefined;
  readonly retry: CompiledRetryPolicy | undefined;
  readonly mirrors: readonly CompiledMirror[];
  readonly internalRedirect: InternalRedirectPolicy | undefined;
  readonly grpcLimit: GrpcLimit | undefined;
  /** The host of the request becomes that of the endpoint. */
  readonly takesHostOfEndpoint: boolean;
  /** It goes to no service of the mesh. */
  readonly leavesMesh: boolean;
  /** The hash for consistent balancers. */
  readonly hash: RequestHash | undefined;
  readonly hedge: HedgePolicy | undefined;
  /** `x-envoy-expected-rq-timeout-ms` for endpoints; undefined where the time is not limited. */
  readonly expectedTimeout: HeaderLine | undefined;
  /** Limits of a stream that are not those of its connection manager; undefined where there are none. */
  readonly streamLimits: StreamLimits | undefined;
  /** Most that is kept of a body for a further try, or for a copy; undefined: as much as the listener allows. */
  readonly bufferLimitBytes: number | undefined;
  /** Some of the clusters configure filters. */
  readonly choosesFilters: boolean;
  /** CONNECT (and POST) end here: what comes goes to an endpoint as bare bytes. */
  readonly terminates: { readonly allowPost: boolean } | undefined;
  readonly model: ForwardAction;
}

export interface CompiledRedirect {
  readonly kind: 'redirect';
  readonly model: RedirectAction;
  readonly redirect: Redirect;
}

export interface CompiledDirectResponse {
  readonly kind: 'direct_response';
  readonly model: DirectResponseAction;
}

export type CompiledAction = CompiledForward | CompiledRedirect | CompiledDirectResponse;

/** A cluster by its name, or by the name that a header of the request has. */
function compileReference(
  name: string,
  header: string | undefined,
  context: RouteCompileContext,
): (request: RoutableRequest) => ClusterRef | undefined {
  if (header === undefined) {
    const ref = context.clusterRef(name);
    return () => ref;
  }
  const read = headerReader(header);
  return (request) => {
    const named = read(request);
    return named === undefined || named === '' ? undefined : context.requestedCluster(named);
  };
}

/** The cluster of all requests; undefined where they choose. */
function onlyTarget(
  { cluster, metadataMatch }: ForwardAction,
  shared: SharedParts,
): ClusterTarget | undefined {
  if (cluster.kind !== 'cluster') return undefined;
  const plain = shared.plainTarget(cluster.name);
  const subset = subsetCriteria(metadataMatch);
  return subset === undefined ? plain : { ...plain, subset };
}

function compileChoice(
  action: ForwardAction,
  only: ClusterTarget | undefined,
  context: RouteCompileContext,
  path: string,
  bad: Problem[],
): CompiledForward['choose'] {
  const choice = action.cluster;
  if (choice.kind === 'cluster') return () => only;
  const subset = subsetCriteria(action.metadataMatch);
  if (choice.kind === 'header') {
    const find = compileReference('', choice.header, context);
    return (request) => {
      const ref = find(request);
      return ref === undefined ? undefined : { ...plainTarget(ref), subset };
    };
  }
  const targets = choice.clusters.map((cluster, i) => {
    const at = `${path}.weighted_clusters.clusters[${i}]`;
    const target = {
      requestHeaders: compileHeaderOperations(cluster.requestHeaders, `${at}.request_headers`, bad),
      responseHeaders: compileHeaderOperations(cluster.responseHeaders, `${at}.response_headers`, bad),
      hostRewrite: cluster.hostRewrite,
      subset: subsetCriteria(action.metadataMatch, cluster.metadataMatch),
      filterConfig: cluster.filterConfig,
    };
    if (cluster.header === undefined) {
      const whole: ClusterTarget = { ...target, ref: context.clusterRef(cluster.name) };
      return () => whole;
    }
    const find = compileReference('', cluster.header, context);
    return (request: RoutableRequest): ClusterTarget | undefined => {
      const ref = find(request);
      return ref === undefined ? undefined : { ...target, ref };
    };
  });
  let sum = 0;
  const upTo = choice.clusters.map((cluster) => (sum += cluster.weight));
  if (sum === 0) bad.push({ path: `${path}.weighted_clusters`, message: 'the weights add up to 0' });
  const readDraw = choice.drawHeader === undefined ? undefined : headerReader(choice.drawHeader);
  const place = (all: number, request: RoutableRequest, draw: number): number => {
    const text = readDraw?.(request);
    return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) % all : draw * all;
  };
  const cells = choice.clusters.map(({ runtimeWeight }) => runtimeWeight);
  if (cells.some((cell) => cell !== undefined)) {
    return (request, draw) => {
      const weights = choice.clusters.map(({ weight }, i) => cells[i]?.entry?.number ?? weight);
      let left = place(
        weights.reduce((all, weight) => all + weight, 0),
        request,
        draw,
      );
      for (let i = 0; i < weights.length; i++) {
        left -= weights[i] as number;
        if (left < 0) return targets[i]?.(request);
      }
      return targets.at(-1)?.(request);
    };
  }
  return (request, draw) => {
    const wanted = readDraw === undefined ? draw * sum : place(sum, request, draw);
    for (let i = 0; i < upTo.length; i++) if (wanted < (upTo[i] as number)) return targets[i]?.(request);
    return targets.at(-1)?.(request);
  };
}

function compileTemplateRewrite(route: Route, rewrite: string): Rewrite {
  const { path } = route.match;
  if (path.kind !== 'template')
    throw new Error('path_rewrite_policy needs a path_match_policy of the same kind');
  const template = parseUriTemplate(path.template);
  const parts = parseUriRewrite(rewrite, template);
  const regex = regexEngine().compile(template.regex);
  return (text) => {
    const [pathOnly, query] = splitQuery(text);
    const matcher = regex.matcher(pathOnly);
    if (!matcher.matches()) return text;
    let result = '';
    for (const part of parts) result += typeof part === 'string' ? part : (matcher.group(part) ?? '');
    return result + query;
  };
}

function compilePathRewrite(route: Route, action: ForwardAction): Rewrite | undefined {
  if (action.regexRewrite !== undefined) {
    const rewrite = compileRegexRewrite(action.regexRewrite);
    return (path) => {
      const [pathOnly, query] = splitQuery(path);
      return rewrite(pathOnly) + query;
    };
  }
  if (action.templateRewrite !== undefined) return compileTemplateRewrite(route, action.templateRewrite);
  const replacement = action.prefixRewrite;
  if (replacement === undefined || replacement === '') return undefined;
  const { path: match } = route.match;
  return match.kind === 'connect' ? undefined : matchedPathRewrite(match, replacement);
}

function compileHostRewrite(action: ForwardAction): CompiledForward['rewriteHost'] {
  const rewrite = action.hostRewrite;
  if (rewrite === undefined || rewrite.kind === 'endpoint') return undefined;
  if (rewrite.kind === 'literal') return () => rewrite.value;
  if (rewrite.kind === 'header') return headerReader(rewrite.header);
  const run = compileRegexRewrite(rewrite.rewrite);
  return (request) => run(splitQuery(request.path)[0]);
}

function compileStreamLimits(action: ForwardAction): StreamLimits | undefined {
  const { idleTimeoutMs, maxStreamDurationMs, grpcTimeoutHeaderMaxMs } = action;
  if (
    idleTimeoutMs === undefined &&
    maxStreamDurationMs === undefined &&
    grpcTimeoutHeaderMaxMs === undefined
  ) {
    return undefined;
  }
  return { idleTimeoutMs, maxDurationMs: maxStreamDurationMs };
}

/** Compiles what a route does. */
export function compileAction(
  route: Route,
  virtualHost: VirtualHost,
  table: RouteTableSettings,
  context: RouteCompileContext,
  shared: SharedParts,
  path: string,
  bad: Problem[],
): CompiledAction | undefined {
  const { action } = route;
  if (action.kind === 'direct_response') {
    const size = action.body?.length ?? 0;
    if (size > table.maxDirectResponseBodyBytes) {
      bad.push({
        path: `${path}direct_response.body`,
        message: `response body size is ${size} bytes; maximum is ${table.maxDirectResponseBodyBytes}`,
      });
      return undefined;
    }
    return { kind: 'direct_response', model: action };
  }
  if (action.kind === 'redirect')
    return { kind: 'redirect', model: action, redirect: compileRedirect(route, action) };
  const mirrors = [action.mirrors, virtualHost.mirrors, table.mirrors].find((list) => list.length > 0) ?? [];
  const retryPolicy = action.retryPolicy ?? virtualHost.retryPolicy;
  const hedge = action.hedgePolicy ?? virtualHost.hedgePolicy;
  const { timing, expectedTimeout } = shared.timing(
    timingOf(action, retryPolicy, hedge?.hedgeOnPerTryTimeout === true),
  );
  const only = onlyTarget(action, shared);
  return {
    kind: 'forward',
    only,
    timing,
    priority: action.priority,
    choose: compileChoice(action, only, context, `${path}route`, bad),
    rewritePath: compilePathRewrite(route, action),
    rewriteHost: compileHostRewrite(action),
    retry: retryPolicy === undefined ? undefined : compileRetryPolicy(retryPolicy),
    mirrors: mirrors.map((mirror) => ({
      choose: compileReference(mirror.cluster, mirror.header, context),
      keepHost: mirror.keepHost === true,
      from: hostAddress(),
      fraction: mirror.fraction,
    })),
    internalRedirect: action.internalRedirect,
    grpcLimit: grpcLimitOf(action),
    takesHostOfEndpoint: action.hostRewrite?.kind === 'endpoint',
    leavesMesh: action.cluster.kind === 'cluster' && foreignClusters.has(action.cluster.name),
    hash: compileHashPolicies(action.hashPolicies, context.hash),
    hedge,
    expectedTimeout,
    streamLimits: compileStreamLimits(action),
    bufferLimitBytes: route.bufferLimitBytes ?? virtualHost.bufferLimitBytes,
    choosesFilters:
      action.cluster.kind === 'weighted' &&
      action.cluster.clusters.some(({ filterConfig }) => Object.keys(filterConfig).length > 0),
    terminates: action.upgrades.find(({ type }) => type === 'connect')?.terminates,
    model: action,
  };
}
