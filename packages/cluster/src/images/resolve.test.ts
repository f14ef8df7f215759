import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseImageName } from './image.ts';
import { containerArgv, imageResolver } from './resolve.ts';

test('an image name is taken apart whatever registry, port, tag and digest it has', () => {
  assert.deepEqual(parseImageName('localhost:5000/a/b:v1'), { repository: 'a/b', base: 'b', tag: 'v1' });
  assert.deepEqual(parseImageName('docker.io/istio/pilot@sha256:00'), {
    repository: 'istio/pilot',
    base: 'pilot',
    tag: 'latest',
  });
  assert.deepEqual(parseImageName('library/nginx:1'), { repository: 'nginx', base: 'nginx', tag: '1' });
});

test('the images of the tutorials resolve to the samples, with their version', async () => {
  const { resolve } = imageResolver('/nonexistent');
  const env = async (name: string): Promise<unknown> => (await resolve(name, false)).env;
  assert.deepEqual(await env('docker.io/istio/examples-bookinfo-reviews-v2:1.20.2'), {
    SERVICE_VERSION: 'v2',
  });
  assert.deepEqual(await env('registry.example/mirror/examples-bookinfo-ratings-v1:x'), {
    SERVICE_VERSION: 'v1',
  });
  assert.deepEqual(await env('aquamarine/kublr-tutorial-images:v3'), { SITE_VERSION: 'v3' });
  assert.match((await resolve('dustise/flaskapp', false)).entrypoint.join(' '), /samples\/flaskapp\.mjs$/);
  assert.ok('/usr/local/bin/init' in (await resolve('zze326/test-tools', true)).files);
  const gunicorn = (await resolve('docker.io/kennethreitz/httpbin', true)).files['/usr/local/bin/gunicorn'];
  assert.match(gunicorn ?? '', /port=\$\{2##\*:\}; shift.*exec .*samples\/httpbin\.mjs "\$port"\n$/s);
  const httpbin = await resolve('docker.io/mccutchen/go-httpbin:v2.15.0', false);
  assert.deepEqual(containerArgv(httpbin, undefined, undefined).slice(-1), ['8080']);
  const echo = await resolve('docker.io/istio/tcp-echo-server:1.3', false);
  assert.match(echo.entrypoint.join(' '), /samples\/tcp-echo\.mjs$/);
  assert.match(
    (await resolve('fortio/fortio', true)).files['/usr/local/bin/load'] ?? '',
    /fortio load "\$@"/,
  );
});

test('an unknown image runs the command of its container, or waits with a message that says how to map it', async () => {
  const { resolve } = imageResolver('/nonexistent');
  assert.deepEqual(containerArgv(await resolve('acme/tool:1', true), ['sleep', '1'], ['x']), [
    'sleep',
    '1',
    'x',
  ]);
  await assert.rejects(resolve('acme/tool:1', false), {
    code: 'ErrImageNeverPull',
    message: /lateen images map acme\/tool:1 -- COMMAND/,
  });
});

test('the user\u2019s map goes first and is read again at each start', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'lateen-images-'));
  const file = join(dir, 'images.yaml');
  try {
    const { resolve } = imageResolver(file);
    await assert.rejects(resolve('shop/cart:3', false));
    writeFileSync(file, 'shop/cart: [node, /srv/cart.js]\nistio/pilot:\n  command: [mine]\n  env: {A: 1}\n');
    const cart = await resolve('ghcr.io/shop/cart:3', false);
    assert.deepEqual(containerArgv(cart, undefined, ['-v']), ['node', '/srv/cart.js', '-v']);
    assert.deepEqual((await resolve('istio/pilot', false)).env, { A: '1' });
    writeFileSync(file, 'shop/cart: node\n');
    await assert.rejects(resolve('shop/cart', false), { message: /shop\/cart: must be a command/ });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
