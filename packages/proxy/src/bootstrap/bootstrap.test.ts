import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblem } from '@lateen/core';
import { decodeBootstrap, mergeJson, readBootstrap } from './bootstrap.ts';
import { parseProxyOptions } from './options.ts';
import { parseText } from './text.ts';

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
  const wrong = parseProxyOptions(['--mode', 'run', '-l', 'loud', '--concurrency', 'many']);
  assert.ok(!wrong.ok);
  assert.deepEqual(
    wrong.problems.map((p) => p.path),
    ['--mode', '-l/--log-level', '--concurrency', '-c/--config-path'],
  );
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
