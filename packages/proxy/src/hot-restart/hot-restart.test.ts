import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, createServer, get, type Server } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { sleep } from '@lateen/core';
import { freePort } from '@lateen/testkit/free-port';
import { bootstrapFile as bootstrapFileOf, logged, startProgram, statistic } from '../testing/program.ts';
import { hotRestartVersion } from './messages.ts';

let folder: string;
let upstream: Server;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lateen-hot-restart-'));
  upstream = createServer((_, response) => response.end('hello'));
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
});

after(() => {
  rmSync(folder, { recursive: true });
  upstream.close();
  upstream.closeAllConnections();
});

interface Place {
  readonly name: string;
  readonly address: string;
  readonly port: number;
}

/** A bootstrap with a listener at each place, and a route to the upstream. */
function bootstrapFile(places: readonly Place[], adminHost = '127.0.0.1'): string {
  const { port } = upstream.address() as AddressInfo;
  const listeners = places.map(
    ({ name, address, port: own }) => `
  - name: ${name}
    address: ${address.startsWith('/') ? `{pipe: {path: "${address}"}}` : `{socket_address: {address: "${address}", port_value: ${own}}}`}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: main
          route_config:
            virtual_hosts:
            - {name: all, domains: ["*"], routes: [{match: {prefix: "/"}, route: {cluster: backend}}]}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}`,
  );
  const file = join(folder, `bootstrap-${Math.random()}.yaml`);
  writeFileSync(
    file,
    `
admin: {address: {socket_address: {address: ${adminHost}, port_value: 0}}}
static_resources:
  listeners: ${listeners.join('')}
  clusters:
  - name: backend
    type: STRICT_DNS
    load_assignment:
      cluster_name: backend
      endpoints:
      - lb_endpoints:
        - endpoint: {address: {socket_address: {address: localhost, port_value: ${port}}}}
`,
  );
  return file;
}

function fetchText(url: string, agent: Agent | false = false, socketPath?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent, ...(socketPath === undefined ? {} : { socketPath }) }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () =>
        response.statusCode === 200 ? resolve(body) : reject(new Error(`${response.statusCode}: ${body}`)),
      );
    }).on('error', reject);
  });
}

const baseId = (): string => String(1_000_000 + Math.floor(Math.random() * 1_000_000_000));

/** Asks without a pause until it is stopped; counts what is answered and what fails. */
class Load {
  answered = 0;
  readonly failures: string[] = [];
  #stopped = false;
  readonly #workers: Promise<void>[] = [];

  add(ask: () => Promise<void>): void {
    this.#workers.push(this.#run(ask));
  }

  async #run(ask: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      try {
        await ask();
        this.answered++;
      } catch (error) {
        this.failures.push(String(error));
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }
}

/** Asks over one HTTP/2 connection, and a new one when the server has said that it goes. */
function http2Asker(url: string): { ask: () => Promise<void>; close: () => void } {
  let session: ClientHttp2Session | undefined;
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      if (session === undefined || session.closed || session.destroyed) {
        const fresh = connectHttp2(url);
        fresh.on('error', reject);
        fresh.on('goaway', () => {
          if (session === fresh) session = undefined;
        });
        session = fresh;
      }
      const stream = session.request({ ':path': '/' });
      let body = '';
      stream.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      stream.on('error', reject);
      stream.on('close', () => (body === 'hello' ? resolve() : reject(new Error(`HTTP/2: "${body}"`))));
    });
  return { ask, close: () => session?.destroy() };
}

const successions: readonly (readonly number[])[] = [
  [1, 1, 1, 1],
  [2, 3, 1, 2],
];
for (const workers of successions) {
  test(`no request fails while processes of ${workers.join(', ')} workers follow one another under load`, async (t) => {
    const places: Place[] = await Promise.all(
      ['127.0.0.1', '0.0.0.0', '::1', '::'].map(async (address, i) => ({
        name: `l${i}`,
        address,
        port: await freePort(address),
      })),
    );
    const hosts = ['127.0.0.1', '127.0.0.1', '[::1]', '[::1]'];
    const file = bootstrapFile(places);
    const id = baseId();
    const args = (epoch: number): string[] => [
      '-c',
      file,
      `--base-id=${id}`,
      `--restart-epoch=${epoch}`,
      '--drain-time-s=1',
      '--parent-shutdown-time-s=3',
      `--concurrency=${workers[epoch]}`,
    ];
    let current = startProgram(t, args(0));
    await logged(current, /(\tready)/);
    const load = new Load();
    const closers: (() => void)[] = [];
    for (const [i, { port }] of places.entries()) {
      const url = `http://${hosts[i]}:${port}/`;
      const agent = new Agent({ keepAlive: true });
      const http2 = http2Asker(url);
      closers.push(() => agent.destroy(), http2.close);
      const asks = async (how: Agent | false): Promise<void> =>
        assert.equal(await fetchText(url, how), 'hello');
      load.add(() => asks(agent));
      load.add(() => asks(false));
      load.add(http2.ask);
    }
    for (let epoch = 1; epoch <= 3; epoch++) {
      const before = load.answered;
      const next = startProgram(t, args(epoch));
      const ended = once(current, 'exit');
      await logged(next, /(took over)/);
      assert.deepEqual(await ended, [0, null], current.log);
      assert.ok(load.answered > before);
      const admin = await logged(next, /admin address: (\S+)/);
      assert.equal(await statistic(admin, 'server.hot_restart_epoch'), epoch);
      assert.equal(await statistic(admin, 'server.hot_restart_generation'), epoch + 1);
      current = next;
    }
    await load.stop();
    for (const close of closers) close();
    assert.deepEqual(load.failures, []);
    const admin = await logged(current, /admin address: (\S+)/);
    // Every request of all four processes is counted once.
    assert.equal(await statistic(admin, 'http.main.downstream_rq_2xx'), load.answered);
    const exited = once(current, 'exit');
    current.kill('SIGTERM');
    assert.deepEqual(await exited, [0, null]);
  });
}

test('a listener that the new process does not have finishes with the old one', async (t) => {
  const [kept, dropped] = [
    { name: 'kept', address: '127.0.0.1', port: await freePort('127.0.0.1') },
    { name: 'dropped', address: '127.0.0.1', port: await freePort('127.0.0.1') },
  ];
  const id = baseId();
  const common = ['--base-id', id, '--drain-time-s', '1', '--parent-shutdown-time-s', '2'];
  const first = startProgram(t, ['-c', bootstrapFile([kept, dropped]), ...common]);
  await logged(first, /(\tready)/);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  assert.equal(await fetchText(`http://127.0.0.1:${dropped.port}/`, agent), 'hello');
  const second = startProgram(t, ['-c', bootstrapFile([kept]), ...common, '--restart-epoch', '1']);
  await logged(second, /(took over)/);
  assert.equal(await fetchText(`http://127.0.0.1:${dropped.port}/`, agent), 'hello');
  await once(first, 'exit');
  await assert.rejects(fetchText(`http://127.0.0.1:${dropped.port}/`), /ECONNREFUSED/);
  assert.equal(await fetchText(`http://127.0.0.1:${kept.port}/`), 'hello');
});

test('a Unix domain socket stays where it is when its process is followed, and goes with the last one', async (t) => {
  const path = join(folder, 'listener');
  const file = bootstrapFile([{ name: 'pipe', address: path, port: 0 }]);
  const common = ['-c', file, '--base-id', baseId()];
  const first = startProgram(t, common);
  await logged(first, /(\tready)/);
  assert.equal(await fetchText('http://a/', false, path), 'hello');
  const ended = once(first, 'exit');
  const second = startProgram(t, [...common, '--restart-epoch', '1']);
  await logged(second, /(took over)/);
  await ended;
  assert.equal(await fetchText('http://a/', false, path), 'hello');
  const exited = once(second, 'exit');
  second.kill('SIGTERM');
  await exited;
  assert.equal(existsSync(path), false);
});

test('a process that serves nothing waits for its successor, and one that hears nothing does not keep it', async (t) => {
  const id = baseId();
  const named = (name: string) => ({ name, connect_timeout: '1s' });
  // So many that their statistics do not fit between two processes of which one does not read.
  const clusters = Array.from({ length: 400 }, (_, i) => named(`cluster-${i}`));
  const file = bootstrapFileOf(t, { static_resources: { clusters } });
  const first = startProgram(t, ['-c', file, '--base-id', id, '--socket-path', '@lateen-test']);
  await logged(first, /(\tready)/);
  const successor = connect(`\0lateen-test_${id}_0`);
  t.after(() => successor.destroy());
  successor.pause();
  successor.write(`${JSON.stringify({ version: hotRestartVersion, epoch: 1 })}\n`);
  await logged(first, /(a process takes over)/);
  const exited = once(first, 'exit');
  first.kill('SIGTERM');
  assert.deepEqual(await exited, [0, null]);
});

test('who may not take over is told why, and the process that serves goes on', async (t) => {
  const place = { name: 'main', address: '127.0.0.1', port: await freePort('127.0.0.1') };
  const file = bootstrapFile([place]);
  const idFile = join(folder, 'base-id');
  const first = startProgram(t, ['-c', file, '--use-dynamic-base-id', '--base-id-path', idFile]);
  const admin = await logged(first, /admin address: (\S+)/);
  await logged(first, /(\tready)/);
  assert.match(await fetchText(`http://${admin}/hot_restart_version`), /^lateen\./);
  const id = readFileSync(idFile, 'utf8');
  const refused = async (pattern: RegExp, ...more: readonly string[]): Promise<void> => {
    const other = startProgram(t, ['-c', file, ...more]);
    const [code] = (await once(other, 'exit')) as [number];
    assert.equal(code, 1);
    assert.match(other.log, pattern);
  };
  await refused(/base id \d+ is in use/, '--base-id', id);
  await refused(/no process of base id \d+ and restart epoch 1/, '--base-id', id, '--restart-epoch', '2');
  const nowhere = '203.0.113.1';
  const next = ['--base-id', id, '--restart-epoch', '1'];
  await refused(
    /EADDRNOTAVAIL/,
    ...next,
    '-c',
    bootstrapFile([{ ...place, name: 'other', address: nowhere }]),
  );
  // One that comes so far as to ask for the admin port, and fails, gives it back.
  await refused(/EADDRNOTAVAIL/, ...next, '-c', bootstrapFile([place], nowhere));
  for (let answered = false; !answered; await sleep(5)) {
    answered = await fetchText(`http://${admin}/ready`).then(
      () => true,
      () => false,
    );
  }
  assert.doesNotMatch(first.log, /\terror\t/);
  assert.equal([...first.log.matchAll(/this one goes on/g)].length, 2);
  assert.equal(await fetchText(`http://127.0.0.1:${place.port}/`), 'hello');
  const alone = startProgram(t, ['-c', bootstrapFile([]), '--disable-hot-restart']);
  const other = await logged(alone, /admin address: (\S+)/);
  assert.equal(await fetchText(`http://${other}/hot_restart_version`), 'disabled');
});
