import type { ConfigObject } from './config-object.ts';
import type { DestinationRuleSpec } from './destination-rule.ts';
import type { HeaderChanges } from './destination.ts';
import type { HttpFault, HttpRoute, HttpRouteDestination } from './http-route.ts';
import type { RequestAuthenticationSpec } from './request-authentication.ts';
import type { LoadBalancer, OutlierDetection, TrafficPolicy } from './traffic-policy.ts';
import type { VirtualServiceSpec } from './virtual-service.ts';

/**
 * Rewrites deprecated fields to the ones that replaced them; an object without any comes back as it is.
 *
 * Where both are set the newer one holds.
 */
export function normaliseConfig(config: ConfigObject): ConfigObject {
  switch (config.kind) {
    case 'VirtualService':
      return withSpec(config, normaliseVirtualService(config.spec));
    case 'DestinationRule':
      return withSpec(config, normaliseDestinationRule(config.spec));
    case 'RequestAuthentication':
      return withSpec(config, normaliseRequestAuthentication(config.spec));
    default:
      return config;
  }
}

function withSpec<C extends ConfigObject>(config: C, spec: C['spec']): C {
  return spec === config.spec ? config : { ...config, spec };
}

/** Changes each element; the same list where none changed. */
function each<T>(list: readonly T[] | undefined, change: (element: T) => T): readonly T[] | undefined {
  if (list === undefined) return undefined;
  const changed = list.map(change);
  return changed.some((element, index) => element !== list[index]) ? changed : list;
}

/** The object with some fields taken out and, where they have a value, others put in. */
function without<T extends object>(object: T, fields: readonly (keyof T)[]): T {
  const copy = { ...object };
  for (const field of fields) delete copy[field];
  return copy;
}

function normaliseVirtualService(spec: VirtualServiceSpec): VirtualServiceSpec {
  const http = each(spec.http, normaliseHttpRoute);
  return http === spec.http || http === undefined ? spec : { ...spec, http };
}

function normaliseHttpRoute(route: HttpRoute): HttpRoute {
  let out: HttpRoute = normaliseHeaders(route);
  const destinations = each(out.route, normaliseHeaders<HttpRouteDestination>);
  if (destinations !== out.route && destinations !== undefined) out = { ...out, route: destinations };
  const oldShare = out.mirrorPercent ?? out.mirror_percent;
  if (oldShare !== undefined) {
    out = {
      ...without(out, ['mirrorPercent', 'mirror_percent']),
      mirrorPercentage: out.mirrorPercentage ?? { value: oldShare },
    };
  }
  if (out.corsPolicy?.allowOrigin !== undefined) {
    const { allowOrigin, ...cors } = out.corsPolicy;
    out = {
      ...out,
      // "*" in the old list meant any origin.
      corsPolicy: {
        ...cors,
        allowOrigins:
          cors.allowOrigins ??
          allowOrigin.map((origin) => (origin === '*' ? { regex: '.*' } : { exact: origin })),
      },
    };
  }
  if (out.websocketUpgrade !== undefined) out = without(out, ['websocketUpgrade']);
  if (out.fault !== undefined) {
    const fault = normaliseFault(out.fault);
    if (fault !== out.fault) out = { ...out, fault };
  }
  return out;
}

interface WithOldHeaders {
  readonly headers?: HeaderChanges;
  readonly appendHeaders?: Readonly<Record<string, string>>;
  readonly appendRequestHeaders?: Readonly<Record<string, string>>;
  readonly removeRequestHeaders?: readonly string[];
  readonly appendResponseHeaders?: Readonly<Record<string, string>>;
  readonly removeResponseHeaders?: readonly string[];
}

function normaliseHeaders<T extends WithOldHeaders>(holder: T): T {
  const requestAdd = holder.appendRequestHeaders ?? holder.appendHeaders;
  const { removeRequestHeaders, appendResponseHeaders, removeResponseHeaders } = holder;
  if (
    requestAdd === undefined &&
    removeRequestHeaders === undefined &&
    appendResponseHeaders === undefined &&
    removeResponseHeaders === undefined
  ) {
    return holder;
  }
  const request = {
    ...(requestAdd === undefined ? {} : { add: requestAdd }),
    ...(removeRequestHeaders === undefined ? {} : { remove: removeRequestHeaders }),
    ...holder.headers?.request,
  };
  const response = {
    ...(appendResponseHeaders === undefined ? {} : { add: appendResponseHeaders }),
    ...(removeResponseHeaders === undefined ? {} : { remove: removeResponseHeaders }),
    ...holder.headers?.response,
  };
  return {
    ...without<WithOldHeaders>(holder, [
      'appendHeaders',
      'appendRequestHeaders',
      'removeRequestHeaders',
      'appendResponseHeaders',
      'removeResponseHeaders',
    ]),
    headers: { request, response },
  } as T;
}

function normaliseFault(fault: HttpFault): HttpFault {
  let out = fault;
  if (out.delay?.percent !== undefined) {
    const { percent, ...delay } = out.delay;
    out = { ...out, delay: { ...delay, percentage: delay.percentage ?? { value: percent } } };
  }
  if (out.abort?.percent !== undefined) {
    const { percent, ...abort } = out.abort;
    out = { ...out, abort: { ...abort, percentage: abort.percentage ?? { value: percent } } };
  }
  return out;
}

function normaliseDestinationRule(spec: DestinationRuleSpec): DestinationRuleSpec {
  let out = spec;
  if (out.trafficPolicy !== undefined) {
    const trafficPolicy = normaliseTrafficPolicy(out.trafficPolicy);
    if (trafficPolicy !== out.trafficPolicy) out = { ...out, trafficPolicy };
  }
  const subsets = each(out.subsets, (subset) => {
    if (subset.trafficPolicy === undefined) return subset;
    const trafficPolicy = normaliseTrafficPolicy(subset.trafficPolicy);
    return trafficPolicy === subset.trafficPolicy ? subset : { ...subset, trafficPolicy };
  });
  return subsets === out.subsets || subsets === undefined ? out : { ...out, subsets };
}

interface WithBalancing {
  readonly loadBalancer?: LoadBalancer;
  readonly outlierDetection?: OutlierDetection;
}

function normaliseTrafficPolicy(policy: TrafficPolicy): TrafficPolicy {
  const out = normaliseBalancing(policy);
  const ports = each(out.portLevelSettings, normaliseBalancing);
  return ports === out.portLevelSettings || ports === undefined ? out : { ...out, portLevelSettings: ports };
}

function normaliseBalancing<T extends WithBalancing>(policy: T): T {
  let out = policy;
  if (out.outlierDetection?.consecutiveErrors !== undefined) {
    const { consecutiveErrors, ...detection } = out.outlierDetection;
    out = {
      ...out,
      outlierDetection: {
        ...detection,
        consecutiveGatewayErrors: detection.consecutiveGatewayErrors ?? consecutiveErrors,
      },
    };
  }
  const balancer = out.loadBalancer === undefined ? undefined : normaliseLoadBalancer(out.loadBalancer);
  return balancer === out.loadBalancer ? out : { ...out, loadBalancer: balancer };
}

function normaliseLoadBalancer(balancer: LoadBalancer): LoadBalancer {
  let out = balancer;
  if (out.simple === 'LEAST_CONN') out = { ...out, simple: 'LEAST_REQUEST' };
  if (out.warmupDurationSecs !== undefined) {
    const { warmupDurationSecs, ...rest } = out;
    out = { ...rest, warmup: { duration: warmupDurationSecs } };
  }
  if (out.consistentHash?.minimumRingSize !== undefined) {
    const { minimumRingSize, ...hash } = out.consistentHash;
    out = { ...out, consistentHash: { ...hash, ringHash: hash.ringHash ?? { minimumRingSize } } };
  }
  return out;
}

function normaliseRequestAuthentication(spec: RequestAuthenticationSpec): RequestAuthenticationSpec {
  const jwtRules = each(spec.jwtRules, (rule) => {
    if (rule.jwks_uri === undefined) return rule;
    const { jwks_uri, ...rest } = rule;
    return { ...rest, jwksUri: rest.jwksUri ?? jwks_uri };
  });
  return jwtRules === spec.jwtRules || jwtRules === undefined ? spec : { ...spec, jwtRules };
}
