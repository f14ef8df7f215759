import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { resources } from '@lateen/kube';
import { startTestServer, type TestServer } from '../testing/api-server.ts';
import { parseProxyName } from './proxy.ts';

/** An address of this machine that is not its loopback, as pods have. */
const host = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
const options = host === undefined ? { skip: 'this machine has no address but the loopback' } : {};

let api: TestServer;
let upstream: Server;
let port = 0;
let seen: IncomingMessage | undefined;
let body = '';

before(async () => {
  upstream = createServer((request, response) => {
    seen = request;
    body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (request.url === '/moved') response.writeHead(302, { location: '/there' }).end();
      else response.writeHead(418, { 'set-cookie': ['a=1', 'b=2'], 'x-own': 'yes' }).end('short and stout');
    });
  });
  upstream.listen(0, host ?? '127.0.0.1');
  await once(upstream, 'listening');
  port = (upstream.address() as AddressInfo).port;
  api = await startTestServer();
  await makePod('web', host ?? '');
  await makePod('liar', '127.0.0.1');
  await api.client.create(resources.services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { ports: [{ name: 'http', port: 80, targetPort: port }] },
  });
});

after(async () => {
  upstream.close();
  await api.close();
});

async function makePod(name: string, podIP: string): Promise<void> {
  await api.client.create(resources.pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: 'lateen',
      containers: [{ name: 'app', image: 'app:1', ports: [{ name: 'http', containerPort: port }] }],
    },
  });
  const running = { metadata: {}, status: { phase: 'Running', podIP } };
  await api.client.patch(resources.pods, 'default', name, 'merge', running, { subresource: 'status' });
}

const pods = '/api/v1/namespaces/default/pods';
const services = '/api/v1/namespaces/default/services';

test(
  'a request to a pod arrives with its method, path, query and body, and the answer comes back',
  options,
  async () => {
    const answer = await api.call('POST', `${pods}/web:http/proxy/a%20b/c/?q=1&q=2`, 'pot', {
      'content-type': 'text/plain',
      authorization: '',
    });
    assert.equal(answer.status, 418);
    assert.equal(answer.text, 'short and stout');
    assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
    assert.equal(seen?.method, 'POST');
    assert.equal(seen?.url, '/a%20b/c/?q=1&q=2');
    assert.equal(body, 'pot');
    assert.equal(seen?.headers.authorization, undefined, "the caller's credentials stay here");
  },
);

test('a port is a number, a name, or the first of the pod', options, async () => {
  for (const name of [`web:${port}`, 'web:http', 'web', `http:web:${port}`]) {
    assert.equal((await api.call('GET', `${pods}/${name}/proxy/x`)).status, 418, name);
  }
  assert.equal((await api.call('GET', `${pods}/web:nothing/proxy/x`)).status, 400);
});

test(
  'a redirect of the pod stays below the path of the proxy, and so does the path without an end',
  options,
  async () => {
    const moved = await api.call('GET', `${pods}/web/proxy/moved`);
    assert.equal(moved.headers['location'], `${pods}/web/proxy/there`);
    const bare = await api.call('GET', `${pods}/web/proxy`);
    assert.equal(bare.status, 301);
    assert.equal(bare.headers['location'], `${pods}/web/proxy/`);
  },
);

test(
  'a service answers through its ready endpoints, by the number or name of its port',
  options,
  async () => {
    const none = await api.call('GET', `${services}/web:80/proxy/`);
    assert.equal(none.status, 503);
    assert.match(none.text, /no endpoints available for service/);
    await api.client.create(resources.endpoints, {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'web', namespace: 'default' },
      subsets: [{ addresses: [{ ip: host ?? '' }], ports: [{ name: 'http', port }] }],
    });
    for (const name of ['web', 'web:80', 'web:http']) {
      assert.equal((await api.call('GET', `${services}/${name}/proxy/x`)).status, 418, name);
    }
    assert.equal((await api.call('GET', `${services}/web:81/proxy/x`)).status, 503);
  },
);

test("nobody reaches the server's own loopback through a pod's status", options, async () => {
  const answer = await api.call('GET', `${pods}/liar:${port}/proxy/`);
  assert.equal(answer.status, 400);
  assert.match(answer.text, /not allowed/);
});

test('who may not use the proxy is told so, and a pod that is not there is not found', async () => {
  assert.equal((await api.anonymous('GET', `${pods}/web/proxy/x`)).status, 401);
  assert.equal((await api.call('GET', `${pods}/absent/proxy/x`)).status, 404);
});

test('both kinds have the proxy in their discovery', async () => {
  const { text } = await api.call('GET', '/api/v1');
  assert.match(text, /"name":"pods\/proxy"[^}]*"kind":"PodProxyOptions"/);
  assert.match(text, /"name":"services\/proxy"[^}]*"kind":"ServiceProxyOptions"/);
});

test('the name may carry a scheme and a port', () => {
  assert.deepEqual(parseProxyName('https:web:443'), { scheme: 'https', name: 'web', port: '443' });
  assert.deepEqual(parseProxyName('https:web:'), { scheme: 'https', name: 'web', port: '' });
  assert.throws(() => parseProxyName('ftp:web:21'));
});
