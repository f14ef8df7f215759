import type { AgentConfig } from './agent-config.ts';

/** Labels as Istio's bootstrap calls them. */
const statsTags = [
  { tag_name: 'cluster_name', regex: '^cluster\\.((.+?)\\.)' },
  { tag_name: 'tcp_prefix', regex: '^tcp\\.((.*?)\\.)' },
  // Istio's tasks ask for the decisions of authorization by envoy_http_inbound_0_0_0_0_80_rbac.
  { tag_name: 'http_conn_manager_prefix', regex: '^http\\.(?!.*\\.rbac\\.)((.*?)\\.)' },
  { tag_name: 'listener_address', regex: '^listener\\.((.*?)\\.)' },
  { tag_name: 'mongo_prefix', regex: '^mongo\\.((.+?)\\.)' },
  { tag_name: 'redis_prefix', regex: '^redis\\.((.+?)\\.)' },
  { tag_name: 'connection_limit_prefix', regex: '^connection_limit\\.((.+?)\\.)' },
  { tag_name: 'authz_enforce_result', regex: 'rbac(\\.(allowed|denied))' },
  { tag_name: 'authz_dry_run_action', regex: '(\\.istio_dry_run_(allow|deny)_)' },
  { tag_name: 'authz_dry_run_result', regex: '(\\.shadow_(allowed|denied))' },
];

/** What is seen whatever a pod asks for: what Istio itself needs. */
const required = {
  prefix: ['cluster_manager', 'listener_manager', 'server', 'cluster.xds-grpc'],
  suffix: ['rbac.allowed', 'rbac.denied', 'shadow_allowed', 'shadow_denied', 'downstream_cx_active'],
  regex: [],
};

type Annotations = Readonly<Record<string, string>>;

const wishes = [
  ['prefix', 'sidecar.istio.io/statsInclusionPrefixes', 'inclusionPrefixes'],
  ['suffix', 'sidecar.istio.io/statsInclusionSuffixes', 'inclusionSuffixes'],
  ['regex', 'sidecar.istio.io/statsInclusionRegexps', 'inclusionRegexps'],
] as const;

/**
 * How the statistics of a pod are named, and which of them are seen: by `proxyStatsMatcher` of its ProxyConfig, or its
 * annotations, which come before it; all where neither says anything. Buckets of histograms are those of the annotation
 * `sidecar.istio.io/statsHistogramBuckets`.
 */
export function podStatsConfig({
  annotations,
  proxyConfig,
}: Pick<AgentConfig, 'annotations'> & {
  readonly proxyConfig: Pick<AgentConfig['proxyConfig'], 'raw'>;
}): object {
  const patterns = inclusionPatterns(annotations, proxyConfig.raw['proxyStatsMatcher']);
  const buckets = histogramBuckets(annotations);
  return {
    use_all_default_tags: false,
    stats_tags: statsTags,
    ...(patterns === undefined ? {} : { stats_matcher: { inclusion_list: { patterns } } }),
    ...(buckets.length === 0 ? {} : { histogram_bucket_settings: buckets }),
  };
}

function inclusionPatterns(annotations: Annotations, matcher: unknown): readonly object[] | undefined {
  const fields = (typeof matcher === 'object' && matcher !== null ? matcher : {}) as Readonly<
    Record<string, unknown>
  >;
  const asked = wishes.map(([kind, annotation, field]) => {
    const text = annotations[annotation];
    const list = text === undefined ? fields[field] : text.split(',');
    const values = (Array.isArray(list) ? list : []).filter((one) => typeof one === 'string' && one !== '');
    return [kind, values] as const;
  });
  if (asked.every(([, values]) => values.length === 0)) return undefined;
  return asked.flatMap(([kind, values]) =>
    [...required[kind], ...values].map((value: string) =>
      kind === 'regex' ? { safe_regex: { regex: value } } : { [kind]: value },
    ),
  );
}

/** `{"istiocustom": [1, 5, 10]}`: bounds by the beginning of names; what is no such object is passed over. */
function histogramBuckets(annotations: Annotations): readonly object[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(annotations['sidecar.istio.io/statsHistogramBuckets'] ?? '{}');
  } catch {
    return [];
  }
  if (typeof parsed !== 'object' || parsed === null) return [];
  return Object.entries(parsed).flatMap(([prefix, buckets]) => {
    const isList =
      Array.isArray(buckets) && buckets.length > 0 && buckets.every((one) => typeof one === 'number');
    return isList ? [{ match: { prefix }, buckets }] : [];
  });
}

/** The StatsD of `statsdUdpAddress`, as `10.0.0.1:8125`. */
export function podStatsSinks(raw: Readonly<Record<string, unknown>>): object {
  const address = raw['statsdUdpAddress'];
  const found = typeof address === 'string' ? /^\[?([^\]]+?)\]?:(\d+)$/.exec(address) : null;
  if (found === null) return {};
  const [, host, port] = found;
  return {
    stats_sinks: [
      {
        name: 'envoy.stat_sinks.statsd',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.config.metrics.v3.StatsdSink',
          address: { socket_address: { address: host, port_value: Number(port) } },
        },
      },
    ],
  };
}
