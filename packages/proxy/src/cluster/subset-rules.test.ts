import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cluster, Endpoint } from '../model/index.ts';
import { clusterFromJson, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, cluster, endpoint, statOf, upstream, type Closers } from '../testing/harness.ts';

const place = (zone: string) => ({ region: 'r', zone, subZone: '' });

/** Endpoints that answer with their number; the metadata of each is given. */
async function numbered(t: Closers, values: readonly Record<string, string>[]): Promise<Endpoint[]> {
  const list: Endpoint[] = [];
  for (const [i, one] of values.entries()) {
    const { port } = await upstream(t, (_, response) => void response.end(String(i)));
    list.push(endpoint(port, { metadata: { 'envoy.lb': one } }));
  }
  return list;
}

/** A proxy whose route asks for this metadata. */
async function start(t: Closers, model: Cluster, metadata: object) {
  const route = {
    match: { prefix: '/' },
    route: { cluster: 'up', metadata_match: { filter_metadata: { 'envoy.lb': metadata } } },
  };
  const { port, dataPlane } = await serveEnvoy(
    t,
    { route_config: routesJson([route]), http_filters: [routerJson] },
    [model],
  );
  const bodies = async (count: number): Promise<string> => {
    let text = '';
    for (let i = 0; i < count; i++) text += (await ask(port)).body;
    return text;
  };
  return { port, dataPlane, bodies };
}

function withSubsets(endpoints: readonly Endpoint[], lb_subset_config: object): Cluster {
  const { loadAssignment } = cluster('up', endpoints);
  return { ...clusterFromJson('up', [], { lb_subset_config }), loadAssignment: loadAssignment! };
}

test('the metadata of a route may list what to ask for, one after the other', async (t) => {
  const endpoints = await numbered(t, [
    { version: '1', zone: 'a' },
    { version: '2', zone: 'a' },
    { version: '2', zone: 'b' },
  ]);
  const config = {
    subset_selectors: [{ keys: ['version', 'zone'] }, { keys: ['version'] }],
    metadata_fallback_policy: 'FALLBACK_LIST',
  };
  const model = withSubsets(endpoints, config);
  const of = async (metadata: object): Promise<string> => (await start(t, model, metadata)).bodies(2);
  assert.equal(await of({ version: '2', fallback_list: [{ zone: 'c' }, { zone: 'b' }] }), '22');
  assert.equal(await of({ zone: 'a', fallback_list: [{ version: '9' }, { version: '1' }] }), '00');
  assert.equal(await of({ version: '1', fallback_list: [] }), '00');
  const none = await start(t, model, { version: '2', fallback_list: [{ zone: 'c' }] });
  assert.equal((await ask(none.port)).status, 503);
  const unaware = withSubsets(endpoints, { ...config, metadata_fallback_policy: 'METADATA_NO_FALLBACK' });
  const plain = await start(t, unaware, { version: '2', fallback_list: [{ zone: 'b' }] });
  assert.equal((await ask(plain.port)).status, 503);
});

test('a group that is to have one endpoint has the first, and the others are counted', async (t) => {
  const endpoints = await numbered(t, [{ id: 'x' }, { id: 'y' }, { id: 'x' }]);
  const model = withSubsets(endpoints, {
    subset_selectors: [{ keys: ['id'], single_host_per_subset: true }],
  });
  const { bodies, dataPlane } = await start(t, model, { id: 'x' });
  assert.equal(await bodies(4), '0000');
  assert.equal(statOf(dataPlane, 'cluster.up.lb_subsets_single_host_per_subset_duplicate'), 1);
  const two = { subset_selectors: [{ keys: ['id', 'x'], single_host_per_subset: true }] };
  assert.throws(() => withSubsets(endpoints, two), /subset_selectors\[0\]\.single_host_per_subset/);
});

test('groups that come and go are counted', async (t) => {
  const endpoints = await numbered(t, [{ id: 'x' }, { id: 'y' }]);
  const config = { subset_selectors: [{ keys: ['id'] }] };
  const { dataPlane } = await start(t, withSubsets(endpoints, config), { id: 'x' });
  const stat = (name: string): number => statOf(dataPlane, `cluster.up.lb_subsets_${name}`);
  assert.deepEqual([stat('active'), stat('created'), stat('removed')], [2, 2, 0]);
  await dataPlane.update({ clusters: { set: [withSubsets(endpoints.slice(0, 1), config)] } });
  assert.deepEqual([stat('active'), stat('created'), stat('removed')], [1, 2, 1]);
});

test('weights of localities count within groups only where that is wanted, and may be scaled', async (t) => {
  const values = [{ v: '1' }, { v: '1' }, { v: '2' }, { v: '2' }, { v: '2' }];
  const endpoints = await numbered(t, values);
  const [first, ...others] = endpoints as [Endpoint, ...Endpoint[]];
  // One endpoint of v1 alone in a, another one among three of v2 in b.
  const sharesOf = async (config: object): Promise<number> => {
    const like = withSubsets([], { subset_selectors: [{ keys: ['v'] }], ...config });
    const model: Cluster = {
      ...like,
      localityWeighted: true,
      loadAssignment: {
        ...like.loadAssignment!,
        localities: [
          { locality: place('a'), priority: 0, weight: 1, endpoints: [first] },
          { locality: place('b'), priority: 0, weight: 4, endpoints: others },
        ],
      },
    };
    const text = await (await start(t, model, { v: '1' })).bodies(40);
    return text.replaceAll('0', '').length;
  };
  assert.equal(await sharesOf({}), 20);
  assert.equal(await sharesOf({ locality_weight_aware: true }), 32);
  assert.equal(await sharesOf({ locality_weight_aware: true, scale_locality_weight: true }), 20);
});

test('the fallback of a cluster is counted where it finds an endpoint, and any is taken where it does not and may', async (t) => {
  const endpoints = await numbered(t, [{ v: '1' }, { v: '2' }]);
  const seen = async (config: object, metadata: object = { v: '9' }): Promise<readonly unknown[]> => {
    const model = withSubsets(endpoints, { subset_selectors: [{ keys: ['v'] }], ...config });
    const { bodies, dataPlane } = await start(t, model, metadata);
    const text = (await bodies(2)).replaceAll('no healthy upstream', '-');
    const count = (name: string): number => statOf(dataPlane, `cluster.up.lb_subsets_${name}`);
    return [text.split('').sort().join(''), count('selected'), count('fallback'), count('fallback_panic')];
  };
  const other = { fallback_policy: 'DEFAULT_SUBSET', default_subset: { v: '8' } };
  assert.deepEqual(await seen({ fallback_policy: 'ANY_ENDPOINT' }), ['01', 0, 2, 0]);
  assert.deepEqual(await seen({ ...other, default_subset: { v: '2' } }), ['11', 0, 2, 0]);
  assert.deepEqual(await seen(other), ['--', 0, 0, 0]);
  assert.deepEqual(await seen({ ...other, panic_mode_any: true }), ['01', 0, 0, 2]);
  assert.deepEqual(await seen({ panic_mode_any: true }), ['--', 0, 0, 0]);
});

test("a selector's own fallback is not counted, and looks at less where it is told to", async (t) => {
  const endpoints = await numbered(t, [
    { v: '1', s: 'a' },
    { v: '2', s: 'a' },
  ]);
  const config = {
    fallback_policy: 'ANY_ENDPOINT',
    default_subset: { v: '2' },
    subset_selectors: [
      { keys: ['v'], fallback_policy: 'DEFAULT_SUBSET' },
      { keys: ['s', 'v'], fallback_policy: 'KEYS_SUBSET', fallback_keys_subset: ['v'] },
      { keys: ['s'], fallback_policy: 'ANY_ENDPOINT' },
    ],
  };
  for (const [metadata, expected] of [
    [{ v: '9' }, '11'],
    [{ v: '1', s: 'b' }, '00'],
    [{ v: '9', s: 'b' }, '11'],
    [{ s: 'b' }, '01'],
  ] as const) {
    const { bodies, dataPlane } = await start(t, withSubsets(endpoints, config), metadata);
    assert.equal((await bodies(2)).split('').sort().join(''), expected, JSON.stringify(metadata));
    assert.equal(statOf(dataPlane, 'cluster.up.lb_subsets_fallback'), 0);
  }
});

test('a scaled weight of a locality is rounded', async (t) => {
  const endpoints = await numbered(t, [{ v: '1' }, { v: '2' }, { v: '1' }]);
  const [first, second, third] = endpoints as [Endpoint, Endpoint, Endpoint];
  const like = withSubsets([], {
    subset_selectors: [{ keys: ['v'] }],
    locality_weight_aware: true,
    scale_locality_weight: true,
  });
  const model: Cluster = {
    ...like,
    localityWeighted: true,
    loadAssignment: {
      ...like.loadAssignment!,
      localities: [
        { locality: place('a'), priority: 0, weight: 3, endpoints: [first, second] },
        { locality: place('b'), priority: 0, weight: 1, endpoints: [third] },
      ],
    },
  };
  const text = await (await start(t, model, { v: '1' })).bodies(12);
  assert.equal(text.replaceAll('0', '').length, 4);
});
