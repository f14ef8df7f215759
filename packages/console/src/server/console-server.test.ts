import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { silentLogger, systemClock } from '@lateen/core';
import type { ConfigListDocument, MeshDocument, ProxyListDocument } from '../documents.ts';
import { makeConfig, makePod, makeService, smallMesh } from '../testing/small-mesh.ts';
import { startConsole, type RunningConsole } from './console-server.ts';

const pageDir = mkdtempSync(join(tmpdir(), 'lateen-console-'));
const istiod = makePod('istiod', 'v1', 'none');
const source = smallMesh(makePod('reviews', 'v1'), makeService('reviews'), istiod);
let running: RunningConsole;
let base = '';
let token = '';

before(async () => {
  const status = {
    proxy: 'web-1.default',
    proxy_type: 'sidecar',
    cluster_status: 'SYNCED',
    route_status: 'NACK',
    route_error: 'no such cluster',
    listener_sent: 'a',
    listener_acked: 'b',
  };
  source.pages.set(`${istiod.metadata.name}:15014`, JSON.stringify([status]));
  for (const file of ['index.html', 'page.js', 'page.css', 'icon.svg']) {
    writeFileSync(join(pageDir, file), file);
  }
  running = await startConsole({ source, clock: systemClock, logger: silentLogger, pageDir });
  const url = new URL(running.url);
  base = url.origin;
  token = url.searchParams.get('token') ?? '';
});
after(async () => {
  await running.close();
  rmSync(pageDir, { recursive: true });
});

function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<[number, string]> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${base}${path}`, { headers, method, agent: false }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => (text += piece));
      response.on('end', () => resolve([response.statusCode ?? 0, text]));
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
}

async function get<T>(path: string): Promise<T> {
  const [status, text] = await ask(path, { authorization: `Bearer ${token}` });
  assert.equal(status, 200, text);
  return JSON.parse(text) as T;
}

test('the page is there for everybody and may load nothing from elsewhere', async () => {
  const response = await fetch(`${base}/`);
  assert.equal(await response.text(), 'index.html');
  assert.match(response.headers.get('content-security-policy') ?? '', /^default-src 'none'/);
  assert.equal(response.headers.get('access-control-allow-origin'), null);
});

test('data is only for who has the token', async () => {
  for (const path of ['/api/mesh', '/api/config', '/api/proxies', '/api/events', '/nothing']) {
    assert.equal((await ask(path))[0], 401, path);
    assert.equal((await ask(path, { authorization: `Bearer ${token}x` }))[0], 401, path);
  }
  assert.equal((await ask(`/api/config?token=${token}`))[0], 200);
});

test('another name of the machine and another method are refused, with the token, too', async () => {
  const authorization = `Bearer ${token}`;
  assert.equal((await ask('/', { host: 'evil.example:80' }))[0], 403);
  assert.equal((await ask('/api/mesh', { host: 'evil.example', authorization }))[0], 403);
  assert.equal((await ask('/api/mesh', { authorization }, 'POST'))[0], 405);
  const port = new URL(base).port;
  assert.equal((await ask('/', { host: `localhost:${port}` }))[0], 200);
});

test('a proxy that does not answer is named with the reason, and nothing else is missing', async () => {
  const { nodes, unread } = await get<MeshDocument>('/api/mesh');
  assert.deepEqual(
    nodes.map(({ id }) => id),
    ['default/reviews'],
  );
  assert.deepEqual(unread, [{ pod: 'default/reviews-v1-5d4f8c-x', reason: 'connection refused' }]);
});

test('proxies are shown with the worst of their states, and those that never came as not connected', async () => {
  const { proxies } = await get<ProxyListDocument>('/api/proxies');
  const [absent, web] = proxies;
  assert.equal(absent?.state, 'NOT CONNECTED');
  assert.equal(web?.state, 'NACK');
  assert.deepEqual(
    web?.kinds.map(({ state }) => state),
    ['SYNCED', 'STALE', 'NACK', 'NOT SENT', 'NOT SENT', 'NOT SENT'],
  );
  assert.equal(web?.kinds[2]?.reason, 'no such cluster');
});

test('who follows the events is told of a new object, with the line of what is wrong in it', async () => {
  const stop = new AbortController();
  const response = await fetch(`${base}/api/events`, {
    headers: { authorization: `Bearer ${token}` },
    signal: stop.signal,
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const until = async (wanted: string): Promise<void> => {
    while (!text.includes(wanted)) text += (await reader?.read())?.value ?? assert.fail('the stream ended');
  };
  await until('event: mesh');
  const route = [{ destination: { host: 'reviews', subset: 'v9' } }];
  source.put(makeConfig('VirtualService', 'reviews', { hosts: ['reviews'], http: [{ route }] }));
  await until('IST0101');
  stop.abort();
  const { objects } = await get<ConfigListDocument>('/api/config');
  const [object] = objects;
  assert.equal(object?.destinations[0]?.node, 'default/reviews');
  const line = object?.messages[0]?.line ?? 0;
  assert.match(object?.yaml.split('\n')[line - 1] ?? '', /v9/);
});

test('nobody is asked for anything while nobody looks', async () => {
  const lonely = smallMesh(makePod('reviews', 'v1'), makeService('reviews'));
  const other = await startConsole({ source: lonely, clock: systemClock, logger: silentLogger, pageDir });
  lonely.put(makeService('later'));
  await fetch(other.url);
  await other.close();
  assert.deepEqual(lonely.asked, []);
});
