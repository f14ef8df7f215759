import type { Problem } from '@lateen/core';
import type { ClusterRef } from '../cluster/cluster-set.ts';
import { headerLine, type HeaderLine } from '../codec/header-block.ts';
import { names } from '../codec/header-name.ts';
import { headerReader, type RoutableRequest } from '../decide/header-match.ts';
import { subsetCriteria, type SubsetCriteria } from '../decide/subset-criteria.ts';
import type { Fraction } from '../model/string-match.ts';
import type {
  DirectResponseAction,
  ForwardAction,
  HedgePolicy,
  RedirectAction,
  Route,
  RouteConfiguration,
  VirtualHost,
} from '../model/route.ts';
import { compileHashPolicies, type RequestHash } from './hash-policy.ts';
import { compileHeaderOperations, type CompiledHeaderOperations } from './header-operations.ts';
import { compileRedirect, type Redirect } from './redirect.ts';
import { expectedMs, timingOf, type RequestTiming } from './request-timing.ts';
import { compileRetryPolicy, type CompiledRetryPolicy } from './retry-policy.ts';
import { compileRegexRewrite, splitQuery, type Rewrite } from './rewrite.ts';
import type { RouteCompileContext } from './route-table.ts';

/** A cluster with what the choice of it changes. */
export interface ClusterTarget {
  readonly ref: ClusterRef;
  readonly requestHeaders: CompiledHeaderOperations | undefined;
  readonly responseHeaders: CompiledHeaderOperations | undefined;
  readonly hostRewrite: string | undefined;
  /** What the metadata of the endpoint must be. */
  readonly subset: SubsetCriteria | undefined;
}

export interface CompiledMirror {
  readonly ref: ClusterRef;
  readonly fraction: Fraction | undefined;
}

/** How long the stream of a request may be silent, and may last; see the fields of {@link ForwardAction}. */
export interface StreamLimits {
  readonly idleTimeoutMs: number | undefined;
  readonly maxDurationMs: number | undefined;
}

export interface CompiledForward {
  readonly kind: 'forward';
  readonly model: ForwardAction;
  /** The cluster of a request; `draw` is its random number in [0, 1). Undefined where a header names none. */
  readonly choose: (request: RoutableRequest, draw: number) => ClusterTarget | undefined;
  /** The path that the endpoint sees; undefined: unchanged. */
  readonly rewritePath: Rewrite | undefined;
  readonly rewriteHost: ((request: RoutableRequest) => string | undefined) | undefined;
  readonly retry: CompiledRetryPolicy | undefined;
  readonly mirrors: readonly CompiledMirror[];
  /** The hash for consistent balancers. */
  readonly hash: RequestHash | undefined;
  readonly timing: RequestTiming;
  readonly hedge: HedgePolicy | undefined;
  /** `x-envoy-expected-rq-timeout-ms` for endpoints; undefined where the time is not limited. */
  readonly expectedTimeout: HeaderLine | undefined;
  /** Limits of a stream that are not those of its connection manager; undefined where there are none. */
  readonly streamLimits: StreamLimits | undefined;
  /** Most that is kept of a body for a further try, or for a copy; undefined: as much as the listener allows. */
  readonly bufferLimitBytes: number | undefined;
  /** CONNECT (and POST) end here: what comes goes to an endpoint as bare bytes. */
  readonly terminates: { readonly allowPost: boolean } | undefined;
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

function plainTarget(ref: ClusterRef, subset: SubsetCriteria | undefined): ClusterTarget {
  return { ref, requestHeaders: undefined, responseHeaders: undefined, hostRewrite: undefined, subset };
}

function compileChoice(
  action: ForwardAction,
  context: RouteCompileContext,
  path: string,
  bad: Problem[],
): CompiledForward['choose'] {
  const choice = action.cluster;
  const subset = subsetCriteria(action.metadataMatch);
  if (choice.kind === 'cluster') {
    const target = plainTarget(context.clusterRef(choice.name), subset);
    return () => target;
  }
  if (choice.kind === 'header') {
    const read = headerReader(choice.header);
    return (request) => {
      const name = read(request);
      return name === undefined || name === '' ? undefined : plainTarget(context.clusterRef(name), subset);
    };
  }
  const targets = choice.clusters.map((cluster, i): ClusterTarget => {
    const at = `${path}.weighted_clusters[${i}]`;
    return {
      ref: context.clusterRef(cluster.name),
      requestHeaders: compileHeaderOperations(cluster.requestHeaders, `${at}.request_headers`, bad),
      responseHeaders: compileHeaderOperations(cluster.responseHeaders, `${at}.response_headers`, bad),
      hostRewrite: cluster.hostRewrite,
      subset: subsetCriteria(action.metadataMatch, cluster.metadataMatch),
    };
  });
  let sum = 0;
  const upTo = choice.clusters.map((cluster) => (sum += cluster.weight));
  if (sum === 0) bad.push({ path: `${path}.weighted_clusters`, message: 'the weights add up to 0' });
  const cells = choice.clusters.map(({ runtimeWeight }) => runtimeWeight);
  if (cells.some((cell) => cell !== undefined)) {
    return (_, draw) => {
      const weights = choice.clusters.map(({ weight }, i) => cells[i]?.entry?.number ?? weight);
      let left = draw * weights.reduce((all, weight) => all + weight, 0);
      for (let i = 0; i < weights.length; i++) {
        left -= weights[i] as number;
        if (left < 0) return targets[i];
      }
      return targets.at(-1);
    };
  }
  return (_, draw) => {
    const wanted = draw * sum;
    for (let i = 0; i < upTo.length; i++) if (wanted < (upTo[i] as number)) return targets[i];
    return targets.at(-1);
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
  const replacement = action.prefixRewrite;
  if (replacement === undefined || replacement === '') return undefined;
  const { path: match } = route.match;
  if (match.kind === 'regex' || match.kind === 'connect') return undefined;
  const { length } = match.value;
  return (path) => replacement + path.slice(length);
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
  config: RouteConfiguration,
  context: RouteCompileContext,
  path: string,
  bad: Problem[],
): CompiledAction | undefined {
  const { action } = route;
  if (action.kind === 'direct_response') {
    const size = action.body?.length ?? 0;
    if (size > config.maxDirectResponseBodyBytes) {
      bad.push({
        path: `${path}.direct_response.body`,
        message: `response body size is ${size} bytes; maximum is ${config.maxDirectResponseBodyBytes}`,
      });
      return undefined;
    }
    return { kind: 'direct_response', model: action };
  }
  if (action.kind === 'redirect')
    return { kind: 'redirect', model: action, redirect: compileRedirect(route, action) };
  const mirrors = [action.mirrors, virtualHost.mirrors, config.mirrors].find((list) => list.length > 0) ?? [];
  const retryPolicy = action.retryPolicy ?? virtualHost.retryPolicy;
  const hedge = action.hedgePolicy ?? virtualHost.hedgePolicy;
  const timing = timingOf(action, retryPolicy, hedge?.hedgeOnPerTryTimeout === true);
  return {
    kind: 'forward',
    model: action,
    choose: compileChoice(action, context, `${path}.route`, bad),
    rewritePath: compilePathRewrite(route, action),
    rewriteHost: compileHostRewrite(action),
    retry: retryPolicy === undefined ? undefined : compileRetryPolicy(retryPolicy),
    timing,
    hedge,
    expectedTimeout:
      expectedMs(timing) > 0 ? headerLine(names.expectedTimeout, String(expectedMs(timing))) : undefined,
    streamLimits: compileStreamLimits(action),
    bufferLimitBytes: route.bufferLimitBytes ?? virtualHost.bufferLimitBytes,
    terminates: action.upgrades.find(({ type }) => type === 'connect')?.terminates,
    hash: compileHashPolicies(action.hashPolicies, context.hash),
    mirrors: mirrors.map((mirror) => ({
      ref: context.clusterRef(mirror.cluster),
      fraction: mirror.fraction,
    })),
  };
}
