import { convergenceBounds, type PushStatistics } from '../push/push-statistics.ts';
import { pushedKinds, type PushedKind } from '../push/resource-set.ts';

/** Istio's short names of the kinds, as its dashboards use them. */
const shortNames: Readonly<Record<PushedKind, string>> = {
  cluster: 'cds',
  endpoint: 'eds',
  listener: 'lds',
  route: 'rds',
  extensionConfig: 'ecds',
  secret: 'sds',
};

/** Facts that are read when metrics are asked for. */
export interface MetricSources {
  readonly push: PushStatistics;
  readonly services: number;
  readonly virtualServices: number;
  readonly resourceSets: number;
  readonly memos: number;
  readonly computed: number;
  readonly version: string;
  readonly nowMs: number;
}

/** The control plane's metrics in Prometheus' text format, under Istio's names where Istio has them. */
export function renderMetrics(sources: MetricSources): string {
  const { push } = sources;
  const lines: string[] = [];
  const metric = (
    name: string,
    type: 'counter' | 'gauge',
    help: string,
    values: readonly (readonly [labels: string, value: number])[],
  ): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    for (const [labels, value] of values) lines.push(`${name}${labels} ${value}`);
  };
  const byKind = (of: (kind: PushedKind) => number): [string, number][] =>
    pushedKinds.map((kind) => [`{type="${shortNames[kind]}"}`, of(kind)]);

  metric('pilot_info', 'gauge', 'Version of the control plane.', [[`{version="${sources.version}"}`, 1]]);
  metric('istiod_uptime_seconds', 'gauge', 'Seconds since the start.', [
    ['', (sources.nowMs - push.startedMs) / 1000],
  ]);
  metric('pilot_xds', 'gauge', 'Proxies connected by xDS.', [
    [`{version="${sources.version}"}`, push.connected],
  ]);
  metric('pilot_services', 'gauge', 'Services known.', [['', sources.services]]);
  metric('pilot_virt_services', 'gauge', 'VirtualServices known.', [['', sources.virtualServices]]);
  metric(
    'pilot_xds_pushes',
    'counter',
    'Responses sent, by kind of resource.',
    byKind((k) => push.kinds[k].pushes),
  );
  metric(
    'pilot_xds_resources',
    'counter',
    'Resources sent, by kind.',
    byKind((k) => push.kinds[k].resources),
  );
  metric(
    'pilot_xds_sent_bytes',
    'counter',
    'Bytes sent, by kind.',
    byKind((k) => push.kinds[k].bytes),
  );
  metric(
    'pilot_total_xds_rejects',
    'counter',
    'Responses rejected by proxies, by kind.',
    byKind((k) => push.kinds[k].rejected),
  );
  for (const kind of pushedKinds) {
    metric(
      `pilot_xds_${shortNames[kind]}_reject`,
      'counter',
      `Responses of ${shortNames[kind].toUpperCase()} rejected.`,
      [['', push.kinds[kind].rejected]],
    );
  }
  metric('pilot_total_xds_internal_errors', 'counter', 'Translations that failed.', [['', push.failures]]);
  metric('lateen_mesh_states', 'counter', 'Versions of the mesh state.', [['', push.states]]);
  metric('lateen_resource_sets', 'gauge', 'Sets of resources watched for connected proxies.', [
    ['', sources.resourceSets],
  ]);
  metric('lateen_engine_memos', 'gauge', 'Results remembered.', [['', sources.memos]]);
  metric('lateen_engine_computed', 'counter', 'Functions run.', [['', sources.computed]]);

  const name = 'pilot_proxy_convergence_time';
  lines.push(
    `# HELP ${name} Seconds from sending a response to the proxy's answer.`,
    `# TYPE ${name} histogram`,
  );
  let total = 0;
  for (const [i, bound] of convergenceBounds.entries()) {
    total += push.convergence[i] ?? 0;
    lines.push(`${name}_bucket{le="${bound}"} ${total}`);
  }
  total += push.convergence[convergenceBounds.length] ?? 0;
  lines.push(
    `${name}_bucket{le="+Inf"} ${total}`,
    `${name}_sum ${push.convergenceSumMs / 1000}`,
    `${name}_count ${total}`,
  );
  return `${lines.join('\n')}\n`;
}
