import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { LogLevel } from '@lateen/core';
import { clusterEnvironment } from '../env.ts';
import { runningCluster } from './data-dir-lock.ts';
import { launchCluster, type ClusterHandle } from './launch.ts';
import { preflight } from './preflight.ts';

interface Sight {
  readonly uid: number;
  readonly pid: number;
  readonly interfaces: readonly string[];
  readonly uidMap: readonly number[];
  readonly secondListen: string;
}

const missing = (await preflight(clusterEnvironment().path)).find((check) => check.failure !== undefined);
const skip = missing === undefined ? false : `the machine cannot: ${missing.failure?.message}`;

function temporaryDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'lateen-launch-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

const fixture = (name: string): string => fileURLToPath(new URL(`testing/${name}`, import.meta.url));

function launch(dataDir: string, logLevel: LogLevel = 'info'): Promise<ClusterHandle> {
  return launchCluster({ dataDir, program: fixture('mirror-cluster.ts'), installationDir: '/', logLevel });
}

async function look(url: string): Promise<{ sight: Sight; socket: Socket; closed: Promise<unknown> }> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => {});
  const [line] = (await once(createInterface({ input: socket }), 'line')) as [string];
  return { sight: JSON.parse(line) as Sight, socket, closed };
}

test('the cluster process has namespaces of its own and serves what connects on the host', {
  skip,
}, async (t) => {
  const dataDir = temporaryDir(t);
  const handle = await launch(dataDir);
  const { apiServerUrl, addressBlock } = await handle.ready;
  assert.match(addressBlock, /^127\.\d+\.\d+\.0\/24$/);
  const { sight, closed } = await look(apiServerUrl);
  assert.equal(sight.uid, 0);
  assert.equal(sight.pid, 2, 'only its init is before it');
  assert.deepEqual(sight.interfaces, [], 'no interface of the host, and its own loopback still down');
  assert.equal(sight.secondListen, 'EADDRINUSE');
  assert.equal(runningCluster(dataDir), process.pid);
  await assert.rejects(launch(dataDir), { code: 'host.running' });
  await handle.stop();
  await closed;
  assert.equal(runningCluster(dataDir), undefined);
  const next = await launch(dataDir);
  assert.equal(next.addressPrefix, handle.addressPrefix, 'a data directory keeps its addresses');
  await next.ready;
  await next.stop();
});

test('two data directories have clusters with addresses of their own', { skip }, async (t) => {
  const handles = await Promise.all([launch(temporaryDir(t)), launch(temporaryDir(t))]);
  await Promise.all(handles.map((handle) => handle.ready));
  assert.notEqual(handles[0]?.addressPrefix, handles[1]?.addressPrefix);
  await Promise.all(handles.map((handle) => handle.stop()));
});

test('what the cluster says about its failure arrives with its hint', { skip }, async (t) => {
  const handle = await launch(temporaryDir(t), 'error');
  await assert.rejects(handle.ready, {
    code: 'test.refused',
    message: 'it does not want to',
    hint: 'ask again',
  });
  assert.deepEqual(await handle.exited, { code: 1, signal: null });
});

test('a cluster ends with its launching process, even when that is killed', { skip }, async (t) => {
  const dataDir = temporaryDir(t);
  const host = spawn(process.execPath, [fixture('launch-mirror.ts'), dataDir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [url] = (await once(createInterface({ input: host.stdout }), 'line')) as [string];
  const { closed } = await look(url);
  host.kill('SIGKILL');
  await closed;
  const handle = await launch(dataDir);
  await handle.ready;
  await handle.stop();
});

test('a machine that makes no namespaces is said to be one, with what to do', { skip }, async (t) => {
  const tools = temporaryDir(t);
  const refusal = '#!/bin/sh\necho "unshare: unshare failed: Operation not permitted" >&2\nexit 1\n';
  writeFileSync(join(tools, 'unshare'), refusal, { mode: 0o755 });
  const env = { ...process.env, PATH: `${tools}:${process.env['PATH']}` };
  const host = spawn(process.execPath, [fixture('launch-mirror.ts'), temporaryDir(t)], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: host.stdout }), 'line')) as [string];
  const error = JSON.parse(line) as { code: string; message: string; hint: string };
  assert.equal(error.code, 'host.no-namespaces');
  assert.match(error.message, /unshare failed: Operation not permitted/);
  assert.match(error.hint, /CAP_SYS_ADMIN|user namespaces|sysctl|AppArmor/);
});

interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Somebody on this machine who is not root and has subordinate ids. */
function ordinaryUser(): Account | undefined {
  const read = (file: string): string[][] => {
    try {
      return readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => line.split(':'));
    } catch {
      return [];
    }
  };
  const withIds = new Set(read('/etc/subuid').map(([name]) => name));
  const entry = read('/etc/passwd').find(([name, , uid]) => withIds.has(name) && Number(uid) > 0);
  if (entry === undefined) return undefined;
  const [name = '', , uid, gid] = entry;
  return { name, uid: Number(uid), gid: Number(gid) };
}

const user = process.getuid?.() === 0 ? ordinaryUser() : undefined;
const skipUser = skip || (user === undefined && 'needs root and another user with subordinate ids');

test('an ordinary user is root inside, with the mesh\u2019s own user id', { skip: skipUser }, async (t) => {
  const { name, uid, gid } = user as Account;
  const dataDir = temporaryDir(t);
  chownSync(dataDir, uid, gid);
  const become = ['--reuid', `${uid}`, '--regid', `${gid}`, '--init-groups'];
  const program = [process.execPath, fixture('launch-mirror.ts'), dataDir];
  const env = { ...process.env, HOME: dataDir, USER: name };
  const host = spawn('setpriv', [...become, ...program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const [url] = (await once(createInterface({ input: host.stdout }), 'line')) as [string];
  const { sight, closed } = await look(url);
  assert.equal(sight.uid, 0);
  assert.deepEqual(sight.uidMap.slice(0, 4), [0, uid, 1, 1]);
  assert.ok((sight.uidMap[5] ?? 0) > 1337);
  host.kill('SIGKILL');
  await closed;
});
