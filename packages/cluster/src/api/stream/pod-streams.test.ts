import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import { silentLogger, systemClock } from '@lateen/core';
import { resources } from '@lateen/kube';
import type { ExecSession, NodeAgent } from '../../runtime/node-agent.ts';
import { createApiServer, type ApiServer } from '../index.ts';
import { kubectlPath } from '../testing/kubectl.ts';

const kubectl = kubectlPath();
const options = kubectl === undefined ? { skip: 'no kubectl on this machine' } : {};
let folder = '';
let server: ApiServer;
let echo: Server;

/** Runs what it is asked in this process; a port of the pod is a port of the machine. */
const agent: NodeAgent = {
  logs: async () => Readable.from([Buffer.from('first line\n'), Buffer.from('second line\n')]),
  exec: async (_, { command }): Promise<ExecSession> => {
    const stdin = new PassThrough();
    const [program, ...words] = command;
    if (program === 'cat') {
      const finished = once(stdin, 'end').then(() => ({ kind: 'exited', code: 0 }) as const);
      return { stdin, stdout: stdin, stderr: Readable.from([]), exited: finished, resize() {}, kill() {} };
    }
    const code = program === 'fail' ? 3 : 0;
    return {
      stdin,
      stdout: Readable.from([Buffer.from(`${words.join(' ')}\n`)]),
      stderr: Readable.from([Buffer.from('to stderr\n')]),
      exited: Promise.resolve({ kind: 'exited', code }),
      resize() {},
      kill() {},
    };
  },
  attach: () => Promise.reject(new Error('not here')),
  portForward: async (_, __, port) => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  },
};

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-streams-'));
  server = await createApiServer({ dataDir: folder, clock: systemClock, logger: silentLogger });
  server.connectNode(agent);
  const port = await server.listen('127.0.0.1', 0);
  writeFileSync(join(folder, 'kubeconfig'), server.kubeconfig(`https://127.0.0.1:${port}`));
  const client = server.client();
  const account = {
    apiVersion: 'v1',
    kind: 'ServiceAccount',
    metadata: { name: 'default', namespace: 'default' },
  };
  await client.create(resources.serviceAccounts, account);
  await client.create(resources.pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default' },
    spec: { nodeName: 'lateen', containers: [{ name: 'app', image: 'app:1' }] },
  });
  const running = {
    metadata: {},
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
  };
  await client.patch(resources.pods, 'default', 'web', 'merge', running, { subresource: 'status' });
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
});

after(async () => {
  echo.close();
  await server.close();
  rmSync(folder, { recursive: true });
});

function start(args: readonly string[], env: Record<string, string> = {}) {
  const whole = ['--kubeconfig', join(folder, 'kubeconfig'), ...args];
  return spawn(kubectl ?? '', whole, { env: { PATH: '/usr/bin:/bin', HOME: folder, ...env } });
}

async function run(args: readonly string[], input?: string) {
  const child = start(args);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}

test('kubectl logs prints what the node gives', options, async () => {
  assert.equal((await run(['logs', 'web'])).stdout, 'first line\nsecond line\n');
});

test('kubectl exec shows both outputs and ends with the code of the command', options, async () => {
  const good = await run(['exec', 'web', '--', 'echo', 'hello', 'there']);
  assert.deepEqual([good.code, good.stdout, good.stderr], [0, 'hello there\n', 'to stderr\n']);
  const bad = await run(['exec', 'web', '--', 'fail']);
  assert.equal(bad.code, 3);
  assert.match(bad.stderr, /exit code 3/);
});

test('kubectl exec -i passes standard input and its end', options, async () => {
  const text = 'x'.repeat(300_000);
  assert.equal((await run(['exec', '-i', 'web', '--', 'cat'], text)).stdout, text);
});

test(
  'kubectl port-forward carries bytes both ways, more than one connection, and a refused port',
  options,
  () => forwardPorts({}),
);

test('kubectl before 1.31 forwards ports by SPDY alone', options, () =>
  forwardPorts({ KUBECTL_PORT_FORWARD_WEBSOCKETS: 'false' }),
);

async function forwardPorts(env: Record<string, string>): Promise<void> {
  const { port } = echo.address() as AddressInfo;
  const child = start(['port-forward', 'web', `:${port}`, ':1'], env);
  const errors: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk.toString()));
  try {
    const local = new Map<number, number>();
    let printed = '';
    while (local.size < 2) {
      const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
      printed += chunk.toString();
      for (const match of printed.matchAll(/127\.0\.0\.1:(\d+) -> (\d+)/g))
        local.set(Number(match[2]), Number(match[1]));
    }
    const talk = async (text: string): Promise<string> => {
      const socket = connect(local.get(port) ?? 0, '127.0.0.1');
      let back = '';
      socket.on('data', (chunk: Buffer) => (back += chunk.toString()));
      socket.end(text);
      await once(socket, 'close');
      return back;
    };
    const long = 'abcdefgh'.repeat(100_000);
    assert.deepEqual(await Promise.all([talk('hello'), talk(long)]), ['hello', long]);
    const refused = connect(local.get(1) ?? 0, '127.0.0.1');
    refused.on('error', () => {});
    refused.resume();
    await once(refused, 'close');
    while (!errors.join('').includes('ECONNREFUSED')) await once(child.stderr, 'data');
  } finally {
    child.kill();
    await once(child, 'close');
  }
}
