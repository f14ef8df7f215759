import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLogger } from '@lateen/core';
import type { Address } from '../model/index.ts';
import { text, type AdminRoute } from './admin-request.ts';
import { startAdminServer } from './server.ts';

const echo: AdminRoute = {
  path: '/echo',
  help: 'say what was asked',
  handle: ({ query }) => text(`echo ${query}`),
};

async function serve(t: TestContext, address: Address) {
  const server = await startAdminServer({ address, routes: [echo], log: silentLogger });
  t.after(() => server.close());
  const at = server.address;
  const to = at.kind === 'pipe' ? { socketPath: at.path } : { host: at.address, port: at.port };
  const ask = (path: string, method = 'GET'): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const asked = request({ ...to, path, method, agent: false }, (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      });
      asked.on('error', reject).end();
    });
  return { server, ask };
}

test('a socket in the file system has the mode that is asked for, and takes the place of one that was left behind', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-admin-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'admin.sock');
  writeFileSync(path, 'left behind');
  const { server, ask } = await serve(t, { kind: 'pipe', path, mode: 0o600 });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(await ask('/echo?a=b'), { status: 200, body: 'echo a=b' });
  await server.close();
  assert.equal(existsSync(path), false);
});

test('a path is a path however it is written, and may be long', async (t) => {
  const { ask } = await serve(t, { kind: 'socket', address: '127.0.0.1', port: 0 });
  assert.equal((await ask('//echo?a=//b')).body, 'echo a=%2F%2Fb');
  assert.equal((await ask('http://other/echo')).status, 404);
  assert.equal((await ask('/echo/')).status, 404);
  assert.equal((await ask(`/echo?${'a'.repeat(40_000)}`)).status, 200);
});
