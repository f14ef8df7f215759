import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode, fromJson } from '@lateen/protocol';
import { knownTypes } from './known-types.ts';
import { clusterDecoder } from './resource.ts';

function decodeCluster(json: Record<string, unknown>) {
  const message = fromJson(clusterDecoder.type, { name: 'c', ...json }, { registry: knownTypes });
  assert.ok(message.ok, JSON.stringify(message));
  return clusterDecoder.fromBytes(encode(clusterDecoder.type, message.value));
}

function good(json: Record<string, unknown>) {
  const result = decodeCluster(json);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value.model;
}

function bad(json: Record<string, unknown>): string[] {
  const result = decodeCluster(json);
  assert.ok(!result.ok);
  return result.problems.map((p) => `${p.path}: ${p.message}`);
}

const policyType = (name: string): string =>
  `type.googleapis.com/envoy.extensions.load_balancing_policies.${name}`;

function policies(...configs: Record<string, unknown>[]) {
  return {
    load_balancing_policy: {
      policies: configs.map((typed_config, i) => ({
        typed_extension_config: { name: `p${i}`, typed_config },
      })),
    },
  };
}

test('the first policy that is known is taken, whatever lb_policy says', () => {
  const model = good({
    lb_policy: 'RANDOM',
    ...policies(
      {
        '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
        type_url: 'type.googleapis.com/some.other.Policy',
        value: {},
      },
      {
        '@type': policyType('least_request.v3.LeastRequest'),
        choice_count: 4,
        selection_method: 'FULL_SCAN',
        slow_start_config: { slow_start_window: '30s' },
        locality_lb_config: { locality_weighted_lb_config: {} },
      },
      { '@type': policyType('random.v3.Random') },
    ),
  });
  assert.deepEqual(model.loadBalancing, {
    kind: 'least_request',
    choiceCount: 4,
    fullScan: true,
    activeRequestBias: 1,
    slowStart: { windowMs: 30_000, aggression: 1, minWeightPercent: 10 },
  });
  assert.equal(model.localityWeighted, true);
});

test('localities can be weighed around any other policy', () => {
  const model = good(
    policies({
      '@type': policyType('wrr_locality.v3.WrrLocality'),
      endpoint_picking_policy: policies({ '@type': policyType('round_robin.v3.RoundRobin') })
        .load_balancing_policy,
    }),
  );
  assert.deepEqual(model.loadBalancing, { kind: 'round_robin' });
  assert.equal(model.localityWeighted, true);
});

test('the bound of the load comes with the policy or with the cluster', () => {
  const consistent = { hash_balance_factor: 150, use_hostname_for_hashing: true };
  const expected = {
    kind: 'maglev',
    tableSize: 65_537,
    useHostnameForHashing: true,
    hashBalanceFactor: 150,
  };
  const own = policies({
    '@type': policyType('maglev.v3.Maglev'),
    consistent_hashing_lb_config: consistent,
  });
  assert.deepEqual(good(own).loadBalancing, expected);
  const common = { lb_policy: 'MAGLEV', common_lb_config: { consistent_hashing_lb_config: consistent } };
  assert.deepEqual(good(common).loadBalancing, expected);
});

test('peak EWMA comes as a struct with its decay time', () => {
  const ewma = (value: Record<string, unknown>) =>
    policies({
      '@type': 'type.googleapis.com/xds.type.v3.TypedStruct',
      type_url: 'type.googleapis.com/lateen.load_balancing.PeakEwma',
      value,
    });
  assert.deepEqual(good(ewma({ decay_time: '2.5s' })).loadBalancing, { kind: 'peak_ewma', decayMs: 2_500 });
  const at = 'load_balancing_policy.policies[0].typed_extension_config.typed_config.value';
  assert.deepEqual(bad(ewma({ decay_time: 'soon', size: 1 })), [
    `${at}.size: is not supported by this proxy`,
    `${at}.decay_time: must be a duration of more than 0s, as "10s"`,
  ]);
});

test('a list without a policy that is known is refused', () => {
  assert.match(
    bad(policies({ '@type': 'type.googleapis.com/xds.type.v3.TypedStruct', type_url: 'x/y.Z' }))[0] ?? '',
    /^load_balancing_policy: must have a policy that this proxy knows/,
  );
});

test('an aggregate cluster names its members', () => {
  const aggregate = (clusters: string[]) => ({
    connect_timeout: '1s',
    lb_policy: 'CLUSTER_PROVIDED',
    cluster_type: {
      name: 'envoy.clusters.aggregate',
      typed_config: {
        '@type': 'type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig',
        clusters,
      },
    },
  });
  assert.deepEqual(good(aggregate(['a', 'b'])).discovery, { kind: 'aggregate', clusters: ['a', 'b'] });
  assert.equal(decodeCluster(aggregate([])).ok, false);
});

test('names are asked for again as the cluster says, after failures too', () => {
  const model = good({
    type: 'STRICT_DNS',
    dns_refresh_rate: '7s',
    respect_dns_ttl: true,
    dns_failure_refresh_rate: { base_interval: '1s' },
    load_assignment: { cluster_name: 'c' },
  });
  assert.deepEqual(model.discovery, {
    kind: 'strict_dns',
    refreshMs: 7_000,
    respectTtl: true,
    failureBaseMs: 1_000,
    failureMaxMs: 10_000,
    family: 'auto',
  });
});

test('a cluster has one health check, with defaults for what it does not say', () => {
  const check = { timeout: '1s', interval: '5s', unhealthy_threshold: 3, healthy_threshold: 2 };
  const http = { ...check, http_health_check: { path: '/healthz', method: 'HEAD' } };
  const [model] = good({ health_checks: [http] }).healthChecks;
  assert.equal(model?.noTrafficIntervalMs, 60_000);
  assert.equal(model?.unhealthyEdgeIntervalMs, 5_000);
  assert.ok(model?.check.kind === 'http');
  assert.equal(model.check.method, 'HEAD');
  assert.deepEqual(model.check.expectedStatuses, [{ start: 200, end: 201 }]);
  assert.match(bad({ health_checks: [http, http] })[0] ?? '', /^health_checks: multiple/);
});

test('a selector that falls back to fewer keys has to name some, not all, of its own', () => {
  const subsets = (fallback_keys_subset: string[]) => ({
    lb_subset_config: {
      subset_selectors: [{ keys: ['a', 'b'], fallback_policy: 'KEYS_SUBSET', fallback_keys_subset }],
    },
  });
  assert.deepEqual(good(subsets(['a'])).subsets?.selectors, [
    { keys: ['a', 'b'], fallbackKeys: ['a'], fallback: 'keys_subset' },
  ]);
  for (const keys of [[], ['a', 'b'], ['c']])
    assert.match(bad(subsets(keys))[0] ?? '', /fallback_keys_subset: must be some, but not all/);
});
