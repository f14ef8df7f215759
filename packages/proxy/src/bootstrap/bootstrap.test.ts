import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblem } from '@lateen/core';
import { decodeBootstrap, mergeJson, readBootstrap } from './bootstrap.ts';
import { parseProxyOptions } from './options.ts';
import { parseText } from '../config-text/located-text.ts';

const yaml = `
node: {id: me, cluster: here}
admin:
  address:
    socket_address: {address: 127.0.0.1, port_value: 9901}
static_resources:
  clusters:
  - name: backend
    connect_timeout: 0.25s
    type: STATIC
    load_assignment:
      cluster_name: backend
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address: {address: 127.0.0.1, port_value: 8080}
`;

test('a bootstrap in YAML is read, and the command line names the node', async () => {
  const read = await readBootstrap(yaml, 'b.yaml', { id: 'other', zone: 'z' });
  assert.ok(read.ok, JSON.stringify(read));
  assert.equal(read.value.identity.id, 'other');
  assert.equal(read.value.identity.cluster, 'here');
  assert.equal(read.value.identity.locality?.zone, 'z');
  assert.deepEqual(read.value.admin, { kind: 'socket', address: '127.0.0.1', port: 9901 });
  assert.equal(read.value.clusters[0]?.model.connectTimeoutMs, 250);
});

test('problems name file, line, column and field, whether of the shape or of the meaning', async () => {
  const wrongField = await readBootstrap(yaml.replace('connect_timeout', 'conect_timeout'), 'b.yaml');
  assert.ok(!wrongField.ok);
  assert.match(
    wrongField.problems.map(formatProblem).join('\n'),
    /^b\.yaml:9:5: static_resources\.clusters\[0\]\.conect_timeout: .*connect_timeout/,
  );
  const wrongValue = await readBootstrap(yaml.replace('0.25s', '-1s'), 'b.yaml');
  assert.ok(!wrongValue.ok);
  assert.deepEqual(wrongValue.problems.map(formatProblem), [
    'b.yaml:9:5: static_resources.clusters[0].connect_timeout: must be more than 0s',
  ]);
  const broken = await readBootstrap('node: {id: me\n  x', 'b.yaml');
  assert.ok(!broken.ok);
  assert.match(formatProblem(broken.problems[0] ?? { path: '', message: '' }), /^b\.yaml:2:\d+: /);
});

test('JSON has the same problems at its own places', async () => {
  const text = JSON.stringify(
    { admin: { address: {} }, dynamic_resources: { cds_config: { ads: {} } } },
    null,
    1,
  );
  const read = await readBootstrap(text, 'b.json');
  assert.ok(!read.ok);
  assert.deepEqual(read.problems.map(formatProblem), [
    'b.json:3:3: admin.address: must be a socket_address or a pipe',
    'b.json:6:3: dynamic_resources.cds_config: refers to ads, and there is no ads_config',
  ]);
});

test('what --config-yaml says is merged over the file: objects key by key, lists joined', () => {
  assert.deepEqual(mergeJson({ a: { b: 1, c: [1] }, d: 1 }, { a: { b: 2, c: [2] } }), {
    a: { b: 2, c: [1, 2] },
    d: 1,
  });
});

test("Envoy's command line is understood and every wrong option named", () => {
  const parsed = parseProxyOptions(
    '-c x.yaml --mode validate -l warning --component-log-level xds:debug --concurrency 2 --drain-time-s 45'.split(
      ' ',
    ),
  );
  assert.ok(parsed.ok);
  assert.equal(parsed.value.mode, 'validate');
  assert.equal(parsed.value.logLevel, 'warn');
  assert.equal(parsed.value.componentLogLevels.get('xds'), 'debug');
  assert.equal(parsed.value.drainTimeMs, 45_000);
  const newer = ['--skip-deprecated-logs', '--log-stacktrace-single-entry', '--file-flush-min-size-kb', '64'];
  assert.ok(parseProxyOptions(['-c', 'x', ...newer]).ok);
  const wrong = parseProxyOptions(['--mode', 'run', '-l', 'loud', '--concurrency', 'many']);
  assert.ok(!wrong.ok);
  assert.deepEqual(
    wrong.problems.map((p) => p.path),
    ['--mode', '-l/--log-level', '--concurrency', '-c/--config-path'],
  );
  const tags = ['a:b', 'C1:x/y:z'];
  const tagged = parseProxyOptions(['-c', 'x', ...tags.flatMap((tag) => ['--stats-tag', tag])]);
  assert.deepEqual(tagged.ok && tagged.value.statTags, [
    { name: 'a', value: 'b' },
    { name: 'C1', value: 'x/y:z' },
  ]);
  for (const tag of ['a', ':b', 'a:', 'a-b:c', 'a_b:c', 'a.b:c', 'a:b.c'])
    assert.ok(!parseProxyOptions(['-c', 'x', '--stats-tag', tag]).ok, tag);
  const typo = parseProxyOptions(['--config-pth', 'x']);
  assert.ok(!typo.ok);
  assert.match(typo.problems[0]?.message ?? '', /did you mean --config-path/);
});

test('a field of the bootstrap that would be without effect is refused by its path, or known as ignored', () => {
  const refused = decodeBootstrap({
    cluster_manager: { upstream_bind_config: { source_address: { address: '127.0.0.2', port_value: 0 } } },
    dynamic_resources: { cds_resources_locator: 'xdstp://a/b' },
    admin: { profile_path: '/tmp/p' },
  });
  assert.ok(!refused.ok);
  assert.deepEqual(
    refused.problems.map(({ path }) => path),
    ['cluster_manager.upstream_bind_config', 'dynamic_resources.cds_resources_locator'],
  );
});

test('aliases without their anchor, and too many of them, are problems of the text', () => {
  const bomb = `a: &a [1]\n${Array.from({ length: 12 }, (_, i) => `b${i}: &b${i} [${Array.from({ length: 9 }, () => (i === 0 ? '*a' : `*b${i - 1}`)).join(', ')}]`).join('\n')}`;
  for (const text of ['a: *nothing', bomb]) {
    const parsed = parseText(text, 'x.yaml');
    assert.ok(!parsed.ok);
    assert.match(parsed.problems[0]?.message ?? '', /alias/);
  }
});

/** What is refused of static resources, as text. */
async function refusalOf(statics: object): Promise<readonly string[]> {
  const read = await readBootstrap(JSON.stringify({ static_resources: statics }), 'b.json');
  return read.ok ? [] : read.problems.map(({ path, message }) => `${path}: ${message}`);
}

const at = (port: number, address = '127.0.0.1') => ({ socket_address: { address, port_value: port } });

test('names and addresses that static resources have in common are refused', async () => {
  const tcp = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy';
  const listener = (name: string, port: number) => ({
    name,
    address: at(port),
    filter_chains: [
      { filters: [{ name: 'tcp', typed_config: { '@type': tcp, stat_prefix: 'tcp', cluster: 'one' } }] },
    ],
  });
  const one = { name: 'one', type: 'STATIC' };
  assert.deepEqual(
    await refusalOf({
      listeners: [listener('a', 9001), listener('a', 9002), listener('b', 9001), listener('', 9003)],
      clusters: [one, { ...one, name: 'two' }, one],
    }),
    [
      'static_resources.listeners[1].name: "a" is the name of listeners[0] already',
      'static_resources.clusters[2].name: "one" is the name of clusters[0] already',
      'static_resources.listeners[2].address: 127.0.0.1:9001 is an address of listeners[0] already',
    ],
  );
  // Two without a name are two, and port 0 is another one each time.
  assert.deepEqual(await refusalOf({ listeners: [listener('', 0), listener('', 0)] }), []);
});

test('a name is refused where none is looked up, and more than one where only one is used', async () => {
  const cluster = (type: string, ...names: readonly string[]) => ({
    name: type,
    type,
    load_assignment: {
      cluster_name: type,
      endpoints: [{ lb_endpoints: names.map((name) => ({ endpoint: { address: at(80, name) } })) }],
    },
  });
  assert.deepEqual(
    await refusalOf({
      clusters: [
        cluster('STATIC', 'one.test'),
        cluster('STRICT_DNS', 'one.test', 'two.test'),
        cluster('LOGICAL_DNS', 'one.test', 'two.test'),
      ],
    }),
    [
      'static_resources.clusters[0].load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address: ' +
        '"one.test" is not an IP address, and no name is looked up here: use STRICT_DNS or LOGICAL_DNS',
      'static_resources.clusters[2].load_assignment: LOGICAL_DNS takes exactly one endpoint, not 2: use STRICT_DNS for several',
    ],
  );
});

test('a file of resources that is not there is refused before the start', async () => {
  const read = await readBootstrap(
    'dynamic_resources: {cds_config: {path_config_source: {path: /no/such/cds.yaml}}}',
    'b.yaml',
  );
  assert.deepEqual(read.ok ? [] : read.problems.map(formatProblem), [
    'b.yaml:1:21: dynamic_resources.cds_config: /no/such/cds.yaml does not exist: write it before the start',
  ]);
});

test('sizes of rings and tables that cannot be are refused', async () => {
  assert.deepEqual(
    await refusalOf({
      clusters: [
        {
          name: 'a',
          lb_policy: 'RING_HASH',
          ring_hash_lb_config: { minimum_ring_size: 9, maximum_ring_size: 8 },
        },
        { name: 'b', lb_policy: 'MAGLEV', maglev_lb_config: { table_size: 100 } },
        { name: 'c', lb_policy: 'MAGLEV', maglev_lb_config: { table_size: 101 } },
      ],
    }),
    [
      'static_resources.clusters[0].ring_hash_lb_config.minimum_ring_size: 9 is more than maximum_ring_size, 8',
      'static_resources.clusters[1].maglev_lb_config.table_size: must be a prime number, as 65537; 100 is none',
    ],
  );
});
