import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, test } from 'node:test';
import { parseManifests } from '@lateen/config';
import { LateenError, TestClock } from '@lateen/core';
import type { CommandContext } from '../context.ts';
import { styleFor } from '../output/style.ts';
import { runProgram } from '../program.ts';

const dir = mkdtempSync(join(tmpdir(), 'lateen-cli-'));
after(() => rmSync(dir, { recursive: true }));

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command on a machine without a cluster. */
async function run(words: readonly string[], stdin = ''): Promise<Outcome> {
  const written = { out: '', err: '' };
  const output = (name: 'out' | 'err') => ({
    write: (text: string) => void (written[name] += text),
    isTerminal: false,
    columns: 80,
  });
  let asked: number | undefined;
  const input = new PassThrough();
  input.end(stdin);
  const away = (): Promise<never> => Promise.reject(new LateenError('kube.unreachable', 'no cluster here'));
  const stdout = output('out');
  const context: CommandContext = {
    stdout,
    stderr: output('err'),
    stdin: input as unknown as NodeJS.ReadStream,
    env: {
      home: dir,
      dataDir: dir,
      kubeconfig: undefined,
      editor: undefined,
      path: '',
      programName: 'istioctl',
    },
    clock: new TestClock(),
    style: styleFor(stdout),
    programName: 'istioctl',
    installationDir: dir,
    kube: away,
    namespace: away,
    exit: (code) => (asked = code),
  };
  const code = await runProgram(context, words);
  return { code: asked ?? code, ...written };
}

function file(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

const service = `# the service
apiVersion: v1
kind: Service
metadata: {name: app}   # kept as it is
spec: {ports: [{port: 80, name: http}]}
`;
const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: {name: app-v1}
spec:
  template:
    metadata: {labels: {app: app, version: v1}}
    spec: {containers: [{name: app, image: dustise/flaskapp, env: [{name: answer, value: "yes"}]}]}
`;

test('kube-inject adds sidecars and passes all else on as it was written', async () => {
  const path = file('app.yaml', `${service}---\n${deployment}`);
  const { out, err, code } = await run(['kube-inject', '-f', path]);
  assert.equal(code, 0);
  assert.match(err, /settings of a new installation: no cluster here/);
  assert.ok(out.startsWith(service));
  const { documents } = parseManifests(out, 'out');
  const text = JSON.stringify(documents[1]?.object);
  assert.match(text, /"name":"istio-proxy"/);
  assert.match(text, /"value":"yes"/);
});

test('kube-inject reads standard input and takes its settings from files', async () => {
  const mesh = file('mesh.yaml', 'defaultConfig: {concurrency: 3}');
  const inject = file('inject.yaml', 'policy: enabled');
  const values = file('values.json', '{"global": {"hub": "example.org/mesh", "tag": "7"}}');
  const { out, err } = await run(
    [
      'kube-inject',
      '-f',
      '-',
      '--meshConfigFile',
      mesh,
      '--injectConfigFile',
      inject,
      '--valuesFile',
      values,
    ],
    deployment,
  );
  assert.equal(err, '');
  assert.match(out, /image: example\.org\/mesh\/proxyv2:7/);
  assert.match(out, /"concurrency":3/);
});

test('kube-inject names the annotation that it cannot read with its place in the file', async () => {
  const path = file(
    'wrong.yaml',
    deployment.replace(
      'labels: {app: app, version: v1}',
      'annotations: {traffic.sidecar.istio.io/excludeInboundPorts: all}',
    ),
  );
  const { code, err } = await run(['kube-inject', '-f', path]);
  assert.equal(code, 1);
  assert.match(err, /wrong\.yaml:6:30: .*excludeInboundPorts.*port numbers/);
});

test('validate names every problem with file, line and column', async () => {
  const path = file(
    'bad.yaml',
    `${service}---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g}
spec:
  servers:
  - port: {number: 80, name: http, protocol: HTPP}
    host: ["*"]
---
apiVersion: networking.istio.io/v1
kind: Gatewy
metadata: {name: h}
`,
  );
  const { code, err } = await run(['validate', '-f', path]);
  assert.equal(code, 1);
  assert.match(err, /bad\.yaml:12:36: spec\.servers\[0\]\.port\.protocol: must be one of HTTP/);
  assert.match(err, /bad\.yaml:13:5: spec\.servers\[0\]\.host: unknown field \(did you mean hosts\?\)/);
  assert.match(err, /bad\.yaml:16:1: kind: .*did you mean Gateway\?/);
});

test('analyze of files exits with 79 where something is grave, and can be told to leave it out', async () => {
  const path = file(
    'route.yaml',
    `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: r}
spec: {hosts: [app], http: [{route: [{destination: {host: app, subset: v3}}]}]}
`,
  );
  const found = await run(['analyze', '--use-kube=false', path]);
  assert.equal(found.code, 79);
  assert.match(
    found.out,
    /^Error \[IST0101\] \(VirtualService r\.default \S*route\.yaml:4:64\) spec\.http\[0\]/,
  );
  const json = await run(['analyze', '--use-kube=false', path, '-o', 'json', '--failure-threshold', 'error']);
  const [first] = JSON.parse(json.out) as { code: string; reference: string }[];
  assert.equal(first?.code, 'IST0101');
  assert.match(first?.reference ?? '', /route\.yaml:4:64$/);
  const suppressed = await run([
    'analyze',
    '--use-kube=false',
    path,
    '-S',
    'IST0101=VirtualService *.default',
  ]);
  assert.equal(suppressed.code, 0);
  assert.match(suppressed.out, /No validation issues found/);
});

test('manifest generate prints what can be applied', async () => {
  const { out, code } = await run(['manifest', 'generate', '--set', 'profile=minimal']);
  assert.equal(code, 0);
  const { documents, problems } = parseManifests(out, 'out');
  assert.deepEqual(problems, []);
  assert.equal(documents[0]?.object['kind'], 'Namespace');
  assert.ok(documents.some(({ object }) => object['kind'] === 'Deployment'));
});
