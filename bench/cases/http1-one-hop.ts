import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { LateenError } from '@lateen/core';
import type { BenchCase, Contender, PreparedCase } from '../case.ts';
import { fetchOnce } from '../http-check.ts';
import {
  contenderCore,
  freePort,
  isInstalled,
  loadCore,
  PinnedProcess,
  versionOf,
} from '../pinned-process.ts';
import { runWrk } from '../wrk.ts';

const configs = fileURLToPath(new URL('http1-one-hop/', import.meta.url));
const dist = fileURLToPath(new URL('../../dist/', import.meta.url));

/** What every contender is asked, and must answer by its route's host, path and header. */
const path = '/reviews/7';
// wrk adds a Host of its own unless it sees this spelling.
const headers = { Host: 'reviews.example', 'x-team': 'blue' };
const bodyBytes = 1024;
const connections = 32;

interface Peer {
  readonly name: string;
  /** File in `http1-one-hop/`, in which `{{port}}`, `{{upstream}}` and `{{dir}}` are filled in. */
  readonly config: string;
  readonly command: string;
  readonly args: (configFile: string, dir: string) => readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly version: () => string;
}

const peers: readonly Peer[] = [
  {
    name: 'lateen',
    config: 'bootstrap.yaml',
    command: process.execPath,
    args: (file) => [join(dist, 'lateen-proxy.mjs'), '-c', file],
    version: () => `Node ${process.versions.node}`,
  },
  {
    name: 'haproxy',
    config: 'haproxy.cfg',
    command: 'haproxy',
    args: (file) => ['-db', '-f', file],
    version: () => versionOf('haproxy', '-v'),
  },
  {
    name: 'nginx',
    config: 'nginx.conf',
    command: 'nginx',
    args: (file, dir) => ['-c', file, '-p', dir, '-e', join(dir, 'nginx-error.log')],
    version: () => versionOf('nginx', '-v'),
  },
  {
    name: 'caddy',
    config: 'Caddyfile',
    command: 'caddy',
    args: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
    env: { GOMAXPROCS: '1' },
    version: () => versionOf('caddy', 'version'),
  },
];

/** One hop over HTTP/1.1 with keep-alive on both sides, 1 KiB answers, one core for the contender. */
export const http1OneHop: BenchCase = {
  name: 'http1-one-hop',
  summary: `HTTP/1.1, one route by host, path and header, ${connections} connections, ${bodyBytes} bytes, one core`,
  prepare,
};

async function prepare(workDir: string): Promise<PreparedCase> {
  if (!existsSync(join(dist, 'lateen-proxy.mjs'))) {
    throw new LateenError('ENOBUILD', 'dist/lateen-proxy.mjs is not there', { hint: 'npm run build' });
  }
  const running: PinnedProcess[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(running.map((started) => started.stop()));
  };
  try {
    const upstream = await startUpstream(workDir, running);
    const contenders: Contender[] = [];
    const missing: string[] = [];
    for (const peer of peers) {
      if (isInstalled(peer.command)) contenders.push(await startPeer(peer, workDir, upstream, running));
      else missing.push(`${peer.name} is not installed: apt-get install ${peer.name}`);
    }
    return { contenders, missing, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A server that is quicker than every contender: nginx where it is, else one of our own. */
async function startUpstream(workDir: string, running: PinnedProcess[]): Promise<number> {
  const port = await freePort();
  const started = isInstalled('nginx')
    ? new PinnedProcess(loadCore, 'nginx', [
        '-c',
        fillIn('upstream-nginx.conf', join(workDir, 'upstream-nginx.conf'), {
          port,
          upstream: 0,
          dir: workDir,
        }),
        '-p',
        workDir,
        '-e',
        join(workDir, 'upstream-error.log'),
      ])
    : new PinnedProcess(loadCore, process.execPath, [
        fileURLToPath(new URL('../fixed-answer-server.ts', import.meta.url)),
        String(port),
        String(bodyBytes),
      ]);
  running.push(started);
  await started.answersOn(port);
  return port;
}

async function startPeer(
  peer: Peer,
  workDir: string,
  upstream: number,
  running: PinnedProcess[],
): Promise<Contender> {
  const port = await freePort();
  const file = fillIn(peer.config, join(workDir, peer.config), { port, upstream, dir: workDir });
  const started = new PinnedProcess(contenderCore, peer.command, peer.args(file, workDir), {
    ...peer.env,
    HOME: workDir,
    XDG_DATA_HOME: workDir,
    XDG_CONFIG_HOME: workDir,
  });
  running.push(started);
  await started.answersOn(port);
  await checkRouting(peer.name, port);
  const request = { url: `http://127.0.0.1:${port}${path}`, headers, connections };
  return {
    name: peer.name,
    version: peer.version(),
    async measure(seconds) {
      const before = started.cpuSeconds();
      const result = await runWrk(request, seconds);
      return {
        ...result,
        cpuUsPerRequest: ((started.cpuSeconds() - before) * 1e6) / Math.max(1, result.requests),
        anonymousMb: started.anonymousMb(),
      };
    },
  };
}

/** A contender that does not look at host, path and header would win by doing less. */
async function checkRouting(name: string, port: number): Promise<void> {
  const expectations: readonly (readonly [string, Readonly<Record<string, string>>, number])[] = [
    [path, headers, 200],
    ['/ratings/7', headers, 404],
    [path, { ...headers, Host: 'ratings.example' }, 404],
    [path, { ...headers, 'x-team': 'red' }, 404],
  ];
  for (const [askedPath, askedHeaders, status] of expectations) {
    const answer = await fetchOnce(port, askedPath, askedHeaders);
    const asked = `${askedPath} ${JSON.stringify(askedHeaders)}`;
    if (answer.status !== status)
      throw new Error(`${name} answers ${answer.status} to ${asked}, not ${status}`);
    if (status === 200 && answer.bodyBytes !== bodyBytes) {
      throw new Error(`${name} answers ${answer.bodyBytes} bytes to ${asked}, not ${bodyBytes}`);
    }
  }
}

function fillIn(config: string, target: string, values: Readonly<Record<string, string | number>>): string {
  const text = readFileSync(join(configs, config), 'utf8').replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name] ?? (name === 'body' ? 'x'.repeat(bodyBytes) : undefined);
    if (value === undefined) throw new Error(`${config} asks for ${name}, which is not known`);
    return String(value);
  });
  writeFileSync(target, text);
  return target;
}
