import {
  durationMs,
  type ConnectionPool,
  type LoadBalancer,
  type OutlierDetection as OutlierSettings,
  type TrafficPolicy,
} from '@lateen/config';
import type { Cluster, OutlierDetection } from '@lateen/protocol/envoy/config/cluster/v3';

/** The parts of a TrafficPolicy that shape a cluster, for one port of one subset. */
export interface PortPolicy {
  readonly loadBalancer: LoadBalancer | undefined;
  readonly connectionPool: ConnectionPool | undefined;
  readonly outlierDetection: OutlierSettings | undefined;
  readonly tls: TrafficPolicy['tls'];
  readonly tunnel: TrafficPolicy['tunnel'];
  readonly proxyProtocol: TrafficPolicy['proxyProtocol'];
}

type Replaceable = Omit<PortPolicy, 'tunnel' | 'proxyProtocol'>;

/**
 * The policy for one port of a subset.
 *
 * A subset's settings replace the rule's field by field; settings of a port replace all of them, so
 * that what they leave out is the default (Istio, "TrafficPolicy.portLevelSettings").
 */
export function policyOfPort(
  rule: TrafficPolicy | undefined,
  subset: TrafficPolicy | undefined,
  port: number,
): PortPolicy {
  const ofPort = (policy: TrafficPolicy | undefined): Replaceable | undefined => {
    const settings = policy?.portLevelSettings?.find((entry) => entry.port?.number === port);
    return settings === undefined ? undefined : fieldsOf(settings);
  };
  const base = ofPort(rule) ?? fieldsOf(rule);
  // Settings of a port cannot say these.
  const whole = {
    tunnel: subset?.tunnel ?? rule?.tunnel,
    proxyProtocol: subset?.proxyProtocol ?? rule?.proxyProtocol,
  };
  const special = ofPort(subset);
  if (special !== undefined) return { ...special, ...whole };
  const own = fieldsOf(subset);
  return {
    loadBalancer: own.loadBalancer ?? base.loadBalancer,
    connectionPool: own.connectionPool ?? base.connectionPool,
    outlierDetection: own.outlierDetection ?? base.outlierDetection,
    tls: own.tls ?? base.tls,
    ...whole,
  };
}

function fieldsOf(policy: Omit<TrafficPolicy, 'portLevelSettings'> | undefined): Replaceable {
  return {
    loadBalancer: policy?.loadBalancer,
    connectionPool: policy?.connectionPool,
    outlierDetection: policy?.outlierDetection,
    tls: policy?.tls,
  };
}

/** No limit, as Envoy says it. */
const unlimited = 4_294_967_295;

/** Circuit breakers and connection settings; without a rule nothing is limited, as in Istio. */
export function connectionFields(
  pool: ConnectionPool | undefined,
  connectTimeoutMs: number,
): Partial<Cluster> {
  const { tcp, http } = pool ?? {};
  const keepalive = tcp?.tcpKeepalive;
  return {
    connectTimeout: durationMs(tcp?.connectTimeout, connectTimeoutMs),
    circuitBreakers: {
      thresholds: [
        {
          maxConnections: orUnlimited(tcp?.maxConnections),
          maxPendingRequests: orUnlimited(http?.http1MaxPendingRequests),
          maxRequests: orUnlimited(http?.http2MaxRequests),
          maxRetries: orUnlimited(http?.maxRetries),
          trackRemaining: true,
        },
      ],
    },
    ...(keepalive === undefined
      ? {}
      : {
          upstreamConnectionOptions: {
            tcpKeepalive: {
              ...(keepalive.probes === undefined ? {} : { keepaliveProbes: keepalive.probes }),
              ...seconds('keepaliveTime', keepalive.time),
              ...seconds('keepaliveInterval', keepalive.interval),
            },
          },
        }),
  };
}

/** Zero means that nothing was set, as in Istio's API. */
function orUnlimited(limit: number | undefined): number {
  return limit === undefined || limit === 0 ? unlimited : limit;
}

function seconds<Name extends string>(name: Name, duration: string | undefined): { [K in Name]?: number } {
  const ms = durationMs(duration, undefined);
  return (ms === undefined ? {} : { [name]: Math.round(ms / 1000) }) as { [K in Name]?: number };
}

/** Ejection of endpoints that fail; success rates are not looked at, as in Istio. */
export function outlierFields(settings: OutlierSettings | undefined): Partial<Cluster> {
  if (settings === undefined) return {};
  const gateway = settings.consecutiveGatewayErrors;
  const local = settings.consecutiveLocalOriginFailures;
  const split = settings.splitExternalLocalOriginErrors === true;
  const outlierDetection: OutlierDetection = {
    enforcingSuccessRate: 0,
    ...enforced('consecutive5xx', 'enforcingConsecutive5xx', settings.consecutive5xxErrors),
    ...enforced('consecutiveGatewayFailure', 'enforcingConsecutiveGatewayFailure', gateway),
    ...(settings.interval === undefined ? {} : { interval: durationMs(settings.interval, 10_000) }),
    ...(settings.baseEjectionTime === undefined
      ? {}
      : { baseEjectionTime: durationMs(settings.baseEjectionTime, 30_000) }),
    ...(settings.maxEjectionPercent === undefined ? {} : { maxEjectionPercent: settings.maxEjectionPercent }),
    ...(split
      ? {
          splitExternalLocalOriginErrors: true,
          enforcingLocalOriginSuccessRate: 0,
          ...enforced('consecutiveLocalOriginFailure', 'enforcingConsecutiveLocalOriginFailure', local),
        }
      : {}),
  };
  return { outlierDetection };
}

function enforced<A extends string, B extends string>(
  count: A,
  share: B,
  value: number | undefined,
): { [K in A | B]?: number } {
  if (value === undefined) return {};
  return { [count]: value, [share]: value > 0 ? 100 : 0 } as { [K in A | B]?: number };
}

/** The balancing of a cluster whose endpoints the mesh knows; least request where nothing is said, as in Istio. */
export function balancingFields(
  balancer: LoadBalancer | undefined,
  outlier: OutlierSettings | undefined,
): Partial<Cluster> {
  const common: Partial<Cluster> = {
    commonLbConfig: {
      localityWeightedLbConfig: {},
      // With few pods a service panic would bring back what was just ejected: off, unless the rule asks for it.
      ...(outlier === undefined ? {} : { healthyPanicThreshold: { value: outlier.minHealthPercent ?? 0 } }),
    },
  };
  const hash = balancer?.consistentHash;
  if (hash !== undefined) {
    if (hash.maglev !== undefined) {
      const { tableSize } = hash.maglev;
      return { ...common, lbPolicy: 'MAGLEV', maglevLbConfig: tableSize === undefined ? {} : { tableSize } };
    }
    const minimumRingSize = hash.ringHash?.minimumRingSize ?? hash.minimumRingSize ?? 1024;
    return { ...common, lbPolicy: 'RING_HASH', ringHashLbConfig: { minimumRingSize } };
  }
  const slowStart = slowStartOf(balancer);
  switch (balancer?.simple) {
    case 'ROUND_ROBIN':
      return {
        ...common,
        lbPolicy: 'ROUND_ROBIN',
        ...(slowStart === undefined ? {} : { roundRobinLbConfig: { slowStartConfig: slowStart } }),
      };
    case 'RANDOM':
      return { ...common, lbPolicy: 'RANDOM' };
    default:
      return {
        ...common,
        lbPolicy: 'LEAST_REQUEST',
        ...(slowStart === undefined ? {} : { leastRequestLbConfig: { slowStartConfig: slowStart } }),
      };
  }
}

function slowStartOf(balancer: LoadBalancer | undefined) {
  const duration = balancer?.warmup?.duration ?? balancer?.warmupDurationSecs;
  if (duration === undefined) return undefined;
  const { aggression, minimumPercent } = balancer?.warmup ?? {};
  return {
    slowStartWindow: durationMs(duration, 0),
    ...(aggression === undefined
      ? {}
      : { aggression: { defaultValue: aggression, runtimeKey: 'lateen.slow_start.aggression' } }),
    minWeightPercent: { value: minimumPercent ?? 10 },
  };
}
