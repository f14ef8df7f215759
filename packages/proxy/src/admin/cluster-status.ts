import type { SuccessRates } from '../decide/success-rate.ts';
import { formatAddress, type ClusterStatus, type EndpointStatus } from '../model/index.ts';

const counters = ['cx_connect_fail', 'cx_total', 'rq_error', 'rq_success', 'rq_timeout', 'rq_total'] as const;
const gauges = ['cx_active', 'rq_active', 'rq_pending_active'] as const;
const textOrder = [...counters, ...gauges].sort();
/** Envoy tells the counters first. */
const jsonOrder = [...counters, ...gauges];

function ratesOf({
  external,
  local,
}: NonNullable<ClusterStatus['successRates']>): readonly (readonly [string, SuccessRates])[] {
  return [
    ['success_rate', external],
    ['local_origin_success_rate', local],
  ];
}

/** Envoy's text of `/clusters`: `name::address::field::value`, a line each. */
export function clustersText(
  clusters: readonly ClusterStatus[],
  isDynamic: (name: string) => boolean,
): string {
  const lines: string[] = [];
  for (const { cluster, endpoints, retryLimits, successRates } of clusters) {
    const name = cluster.name;
    lines.push(`${name}::observability_name::${cluster.statName ?? name}`);
    if (successRates !== undefined) {
      for (const [rate, { average, ejectionThreshold }] of ratesOf(successRates)) {
        lines.push(`${name}::outlier::${rate}_average::${average}`);
        lines.push(`${name}::outlier::${rate}_ejection_threshold::${ejectionThreshold}`);
      }
    }
    for (const priority of ['default', 'high'] as const) {
      const limits = cluster.circuitBreakers[priority];
      lines.push(
        `${name}::${priority}_priority::max_connections::${limits.maxConnections}`,
        `${name}::${priority}_priority::max_pending_requests::${limits.maxPendingRequests}`,
        `${name}::${priority}_priority::max_requests::${limits.maxRequests}`,
        `${name}::${priority}_priority::max_retries::${retryLimits[priority]}`,
      );
    }
    lines.push(`${name}::added_via_api::${isDynamic(name)}`);
    if (cluster.discovery.kind === 'eds' && cluster.discovery.serviceName !== '') {
      lines.push(`${name}::eds_service_name::${cluster.discovery.serviceName}`);
    }
    for (const endpoint of endpoints) {
      const at = `${name}::${formatAddress(endpoint.address)}`;
      for (const stat of textOrder) lines.push(`${at}::${stat}::${endpoint.stats[stat]}`);
      lines.push(
        `${at}::hostname::${endpoint.hostname}`,
        `${at}::health_flags::${healthFlags(endpoint)}`,
        `${at}::weight::${endpoint.weight}`,
        `${at}::region::${endpoint.locality.region}`,
        `${at}::zone::${endpoint.locality.zone}`,
        `${at}::sub_zone::${endpoint.locality.subZone}`,
        `${at}::canary::false`,
        `${at}::priority::${endpoint.priority}`,
        `${at}::success_rate::${endpoint.successRate}`,
        `${at}::local_origin_success_rate::${endpoint.localOriginSuccessRate}`,
      );
    }
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

/** What discovery says of a host's health. */
const edsFlags: Readonly<Partial<Record<EndpointStatus['edsHealth'], readonly string[]>>> = {
  unhealthy: ['failed_eds_health'],
  timeout: ['failed_eds_health'],
  draining: ['eds_status_draining'],
  degraded: ['degraded_eds_health'],
};

function healthFlags(endpoint: EndpointStatus): string {
  const flags = [
    ...(endpoint.failedActiveHealthCheck ? ['failed_active_hc'] : []),
    ...(endpoint.ejected ? ['failed_outlier_check'] : []),
    ...(endpoint.degradedByCheck ? ['degraded_active_hc'] : []),
    ...(endpoint.checkTimedOut ? ['active_hc_timeout'] : []),
    ...(edsFlags[endpoint.edsHealth] ?? []),
  ];
  return flags.length === 0 ? 'healthy' : `/${flags.join('/')}`;
}

/** Envoy's JSON of `/clusters?format=json` (envoy.admin.v3.Clusters). */
export function clustersJson(
  clusters: readonly ClusterStatus[],
  isDynamic: (name: string) => boolean,
): unknown {
  if (clusters.length === 0) return {};
  return {
    cluster_statuses: clusters.map(({ cluster, endpoints, retryLimits, successRates }) => ({
      name: cluster.name,
      ...(isDynamic(cluster.name) ? { added_via_api: true } : {}),
      ...(successRates === undefined ? {} : thresholdsJson(successRates)),
      ...(endpoints.length === 0 ? {} : { host_statuses: endpoints.map(hostJson) }),
      circuit_breakers: {
        thresholds: (['default', 'high'] as const).map((priority) => {
          const limits = cluster.circuitBreakers[priority];
          return {
            ...(priority === 'high' ? { priority: 'HIGH' } : {}),
            max_connections: limits.maxConnections,
            max_pending_requests: limits.maxPendingRequests,
            max_requests: limits.maxRequests,
            max_retries: retryLimits[priority],
          };
        }),
      },
      observability_name: cluster.statName ?? cluster.name,
      ...(cluster.discovery.kind === 'eds' && cluster.discovery.serviceName !== ''
        ? { eds_service_name: cluster.discovery.serviceName }
        : {}),
    })),
  };
}

/** As Envoy: what EDS does not call unhealthy is healthy, and a time-out is one way not to be. */
function edsHealthWord(health: EndpointStatus['edsHealth']): string {
  if (health === 'unknown') return 'HEALTHY';
  return health === 'timeout' ? 'UNHEALTHY' : health.toUpperCase();
}

/** Thresholds that there are: a number that is not known is left out. */
function thresholdsJson(successRates: NonNullable<ClusterStatus['successRates']>): object {
  return Object.fromEntries(
    ratesOf(successRates).flatMap(([rate, { ejectionThreshold }]) =>
      ejectionThreshold < 0 ? [] : [[`${rate}_ejection_threshold`, { value: ejectionThreshold }]],
    ),
  );
}

function hostJson(endpoint: EndpointStatus): unknown {
  const { address } = endpoint;
  return {
    address:
      address.kind === 'pipe'
        ? { pipe: { path: address.path } }
        : { socket_address: { address: address.address, port_value: address.port } },
    stats: jsonOrder.map((name) => {
      const value = endpoint.stats[name];
      return {
        ...(name.endsWith('_active') ? { type: 'GAUGE' } : {}),
        ...(value === 0 ? {} : { value: String(value) }),
        name,
      };
    }),
    health_status: {
      ...(endpoint.failedActiveHealthCheck ? { failed_active_health_check: true } : {}),
      ...(endpoint.ejected ? { failed_outlier_check: true } : {}),
      ...(endpoint.degradedByCheck ? { failed_active_degraded_check: true } : {}),
      ...(endpoint.checkTimedOut ? { active_hc_timeout: true } : {}),
      eds_health_status: edsHealthWord(endpoint.edsHealth),
    },
    ...(endpoint.successRate < 0 ? {} : { success_rate: { value: endpoint.successRate } }),
    weight: endpoint.weight,
    ...(endpoint.hostname === '' ? {} : { hostname: endpoint.hostname }),
    ...(endpoint.priority === 0 ? {} : { priority: endpoint.priority }),
    ...(endpoint.localOriginSuccessRate < 0
      ? {}
      : { local_origin_success_rate: { value: endpoint.localOriginSuccessRate } }),
    locality: localityJson(endpoint.locality),
  };
}

function localityJson(locality: EndpointStatus['locality']): unknown {
  return {
    ...(locality.region === '' ? {} : { region: locality.region }),
    ...(locality.zone === '' ? {} : { zone: locality.zone }),
    ...(locality.subZone === '' ? {} : { sub_zone: locality.subZone }),
  };
}
