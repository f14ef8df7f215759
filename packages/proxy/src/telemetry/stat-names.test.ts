import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBootstrap } from '../bootstrap/bootstrap.ts';
import type { FixedStatTag } from '../model/stats.ts';
import { podStatsConfig } from '../agent/stats-config.ts';
import { listenerFromJson, routerJson, routesJson } from '../testing/envoy-config.ts';
import { ask, cluster, portOf, startDataPlane, upstream, type Closers } from '../testing/harness.ts';

/** The statistics of a proxy after one request to `backend`, as its bootstrap has them shown. */
async function shown(
  t: Closers,
  config: object,
  filters: readonly object[] = [],
  statTags: readonly FixedStatTag[] = [],
): Promise<{ prometheus: string; text: string }> {
  const bootstrap = decodeBootstrap({ stats_config: config }, { statTags });
  assert.ok(bootstrap.ok, JSON.stringify(bootstrap));
  const app = await upstream(t, (_request, response) => response.end('x'));
  const dataPlane = startDataPlane(t, { stats: bootstrap.value.stats });
  await dataPlane.update({
    clusters: { set: [cluster('backend', [app.port])] },
    listeners: {
      set: [
        listenerFromJson({
          stat_prefix: 'ingress',
          route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'backend' } }]),
          http_filters: [{ name: 'istio.stats' }, ...filters, routerJson],
        }),
      ],
    },
  });
  await ask(portOf(dataPlane));
  return { prometheus: dataPlane.stats.prometheus(), text: dataPlane.stats.text() };
}

function has(text: string, line: string): void {
  assert.ok(text.split('\n').includes(line), `${line} is not among:\n${text.slice(0, 2_000)}`);
}

test('without a configuration labels are those of Envoy, and codes of responses are labels', async (t) => {
  const { prometheus } = await shown(t, {});
  has(prometheus, 'envoy_cluster_upstream_rq_total{envoy_cluster_name="backend"} 1');
  has(
    prometheus,
    'envoy_cluster_upstream_rq_xx{envoy_response_code_class="2",envoy_cluster_name="backend"} 1',
  );
  has(prometheus, 'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="backend"} 1');
  has(
    prometheus,
    'envoy_http_downstream_rq_xx{envoy_response_code_class="2",envoy_http_conn_manager_prefix="ingress"} 1',
  );
  assert.equal(prometheus.match(/^# TYPE envoy_cluster_upstream_rq_xx counter$/gm)?.length, 1);
});

test('labels are cut out of names by expressions, or have one value', async (t) => {
  const { prometheus, text } = await shown(t, {
    use_all_default_tags: false,
    stats_tags: [
      { tag_name: 'cluster_name', regex: '^cluster\\.((.+?)\\.)' },
      { tag_name: 'response_code_class', regex: '_rq(_(\\dxx))$' },
      { tag_name: 'response_code', regex: '_rq(_([[:digit:]]{3}))$' },
      { tag_name: 'where', fixed_value: 'here' },
    ],
  });
  has(
    prometheus,
    'envoy_cluster_upstream_rq{where="here",cluster_name="backend",response_code_class="2xx"} 1',
  );
  has(prometheus, 'envoy_cluster_upstream_rq{where="here",cluster_name="backend",response_code="200"} 1');
  // Nobody names the prefix of the connection manager: it stays within the name.
  has(prometheus, 'envoy_http_ingress_downstream_rq{where="here",response_code_class="2xx"} 1');
  has(prometheus, 'envoy_http_ingress_downstream_rq_total{where="here"} 1');
  has(text, 'cluster.backend.upstream_rq_2xx: 1');
});

test('tags of the command line are labels of all, over those of the bootstrap', async (t) => {
  const { prometheus } = await shown(
    t,
    { stats_tags: [{ tag_name: 'fix', fixed_value: 'a' }] },
    [],
    [
      { name: 'fix', value: 'b' },
      { name: 'team', value: 'x/y' },
      { name: 'team', value: 'z' },
    ],
  );
  const lines = prometheus.split('\n').filter((line) => line.startsWith('envoy_'));
  for (const line of lines) assert.match(line, /[{,]team="x\/y",fix="b"[,}]/);
  has(prometheus, 'envoy_cluster_upstream_rq_total{envoy_cluster_name="backend",team="x/y",fix="b"} 1');
});

test("a pod's statistics have the labels of Istio's bootstrap", async (t) => {
  const { prometheus } = await shown(t, podStatsConfig({ annotations: {}, proxyConfig: { raw: {} } }));
  has(prometheus, 'envoy_cluster_upstream_rq_2xx{cluster_name="backend"} 1');
  has(prometheus, 'envoy_http_downstream_rq_total{http_conn_manager_prefix="ingress"} 1');
});

test('what authorization decides has the names that the tasks of Istio ask for', async (t) => {
  const everybody = { permissions: [{ any: true }], principals: [{ any: true }] };
  const dryRun = (action: string, prefix: string): object => ({
    name: 'envoy.filters.http.rbac',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
      rules: { policies: { everybody } },
      shadow_rules: { action, policies: { everybody } },
      shadow_rules_stat_prefix: prefix,
    },
  });
  const { prometheus, text } = await shown(t, podStatsConfig({ annotations: {}, proxyConfig: { raw: {} } }), [
    dryRun('ALLOW', 'istio_dry_run_allow_'),
    dryRun('DENY', 'istio_dry_run_deny_'),
  ]);
  has(text, 'http.ingress.rbac.istio_dry_run_allow_.shadow_allowed: 1');
  has(text, 'http.ingress.rbac.istio_dry_run_deny_.shadow_denied: 1');
  has(prometheus, 'envoy_http_ingress_rbac{authz_enforce_result="allowed"} 2');
  for (const [action, result] of [
    ['allow', 'allowed'],
    ['deny', 'denied'],
  ])
    has(
      prometheus,
      `envoy_http_ingress_rbac{authz_dry_run_action="${action}",authz_dry_run_result="${result}"} 1`,
    );
});

test('statistics that are not wanted are seen nowhere; the metrics of Istio are', async (t) => {
  const only = await shown(t, {
    stats_matcher: { inclusion_list: { patterns: [{ prefix: 'cluster.backend.upstream_rq' }] } },
  });
  assert.ok(
    only.text.split('\n').every((line) => line === '' || line.startsWith('cluster.backend.upstream_rq')),
  );
  assert.match(only.prometheus, /^envoy_cluster_upstream_rq_total/m);
  assert.match(only.prometheus, /^istio_requests_total/m);
  assert.doesNotMatch(only.prometheus, /^envoy_http_/m);
  const except = await shown(t, {
    stats_matcher: { exclusion_list: { patterns: [{ safe_regex: { regex: 'http\\..*' } }] } },
  });
  assert.doesNotMatch(except.text, /^http\./m);
  assert.match(except.text, /^cluster\.backend\.upstream_rq_total: 1$/m);
  assert.equal((await shown(t, { stats_matcher: { reject_all: true } })).text, '');
});

test('histograms have the buckets that are asked for', async (t) => {
  const { prometheus } = await shown(t, {
    histogram_bucket_settings: [
      { match: { prefix: 'istiocustom' }, buckets: [100000, 0.25] },
      { match: { suffix: 'downstream_rq_time' }, buckets: [1, 60000] },
    ],
  });
  const bounds = (metric: string): string[] =>
    [...prometheus.matchAll(new RegExp(`^${metric}_bucket\\{.*le="([^"]+)"\\} (\\d+)$`, 'gm'))].map(
      ([, le = '']) => le,
    );
  assert.deepEqual(bounds('istio_request_duration_milliseconds'), ['0.25', '100000', '+Inf']);
  assert.deepEqual(bounds('envoy_http_downstream_rq_time'), ['1', '60000', '+Inf']);
  assert.ok(bounds('envoy_cluster_upstream_rq_time').length > 10);
});

test('what is wrong with the configuration is told by its path', () => {
  const paths = (config: object): string[] => {
    const decoded = decodeBootstrap({ stats_config: config });
    return decoded.ok ? [] : decoded.problems.map(({ path }) => path);
  };
  assert.deepEqual(paths({ stats_tags: [{ tag_name: 'a', regex: '(' }] }), [
    'stats_config.stats_tags[0].regex',
  ]);
  assert.deepEqual(paths({ stats_tags: [{ tag_name: 'a' }] }), ['stats_config.stats_tags[0]']);
  assert.deepEqual(
    paths({ stats_matcher: { inclusion_list: { patterns: [{ safe_regex: { regex: '(' } }] } } }),
    ['stats_config.stats_matcher.inclusion_list.patterns[0].safe_regex.regex'],
  );
  assert.deepEqual(paths({ histogram_bucket_settings: [{ match: { prefix: 'a' } }] }), [
    'stats_config.histogram_bucket_settings[0].buckets',
  ]);
});
