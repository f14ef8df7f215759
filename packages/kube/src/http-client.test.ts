import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, test } from 'node:test';
import { TestClock } from '@lateen/core';
import type { WatchEvent } from './client.ts';
import { httpClient, type HttpClientOptions, type HttpKubeClient } from './http-client.ts';
import type { KubeObject } from './object.ts';
import { resources } from './resources.ts';
import { isStatus } from './status-error.ts';

const open: { server: Server; client: HttpKubeClient }[] = [];
afterEach(() => {
  for (const { server, client } of open.splice(0)) {
    client.close();
    server.closeAllConnections();
    server.close();
  }
});

/** A client of a server that answers as told. */
async function clientOf(
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
  options: Partial<HttpClientOptions> = {},
): Promise<HttpKubeClient> {
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => answer(request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = httpClient({ server: `http://127.0.0.1:${port}`, ...options });
  open.push({ server, client });
  return client;
}

function json(
  response: ServerResponse,
  body: unknown,
  code = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

const configMap = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
});

test('a list is read page by page, and its items say what they are', async () => {
  const asked: string[] = [];
  const client = await clientOf((request, response) => {
    asked.push(request.url ?? '');
    const second = request.url?.includes('continue=') === true;
    json(response, {
      kind: 'DeploymentList',
      metadata: second ? { resourceVersion: '7' } : { resourceVersion: '7', continue: 'next/page' },
      items: [{ metadata: { name: second ? 'b' : 'a' } }],
    });
  });
  const { items, resourceVersion } = await client.list(resources.deployments, { labelSelector: 'a=b' });
  assert.equal(resourceVersion, '7');
  assert.deepEqual(
    items.map(({ apiVersion, kind, metadata }) => [apiVersion, kind, metadata.name]),
    [
      ['apps/v1', 'Deployment', 'a'],
      ['apps/v1', 'Deployment', 'b'],
    ],
  );
  assert.deepEqual(asked, [
    '/apis/apps/v1/deployments?labelSelector=a%3Db&limit=500',
    '/apis/apps/v1/deployments?labelSelector=a%3Db&limit=500&continue=next%2Fpage',
  ]);
});

test('an expired page makes the whole list be read in one piece', async () => {
  const client = await clientOf((request, response) => {
    if (request.url?.includes('continue=') === true) {
      json(response, { kind: 'Status', reason: 'Expired', code: 410 }, 410);
    } else if (request.url?.includes('limit=') === true) {
      json(response, {
        metadata: { resourceVersion: '1', continue: 'x' },
        items: [{ metadata: { name: 'a' } }],
      });
    } else {
      json(response, { metadata: { resourceVersion: '2' }, items: [{ metadata: { name: 'a' } }] });
    }
  });
  const { items, resourceVersion } = await client.list(resources.pods);
  assert.deepEqual([items.length, resourceVersion], [1, '2']);
});

test('a failure carries the reason, the code and the causes of the Status', async () => {
  const client = await clientOf((_request, response) => {
    json(
      response,
      {
        kind: 'Status',
        status: 'Failure',
        reason: 'Invalid',
        code: 422,
        message: 'it is wrong',
        details: { causes: [{ field: 'spec.x', message: 'must be y' }] },
      },
      422,
    );
  });
  await assert.rejects(client.create(resources.configMaps, configMap('a')), (error: unknown) => {
    assert.ok(isStatus(error, 'Invalid'));
    assert.equal(error.message, 'it is wrong');
    assert.equal(error.httpCode, 422);
    assert.equal(error.status.details?.causes?.[0]?.field, 'spec.x');
    return true;
  });
});

test('an answer that is no Status still has a reason', async () => {
  const client = await clientOf((_request, response) => response.writeHead(404).end('page not found'));
  await assert.rejects(client.get(resources.nodes, undefined, 'x'), (error: unknown) =>
    isStatus(error, 'NotFound'),
  );
});

test('a server that does not answer is unreachable, said with its address', async () => {
  const client = httpClient({ server: 'http://127.0.0.1:1' });
  await assert.rejects(client.list(resources.pods), {
    code: 'kube.unreachable',
    message: /127\.0\.0\.1:1 gives no answer to GET \/api\/v1\/pods: .*ECONNREFUSED/,
  });
});

test('each kind of patch goes under its own content type, an apply with its manager', async () => {
  const seen: string[] = [];
  const client = await clientOf((request, response) => {
    seen.push(`${request.headers['content-type']} ${request.url}`);
    json(response, configMap('a'));
  });
  await client.patch(resources.configMaps, 'default', 'a', 'merge', {}, { subresource: 'status' });
  await client.patch(resources.configMaps, 'default', 'a', 'apply', {}, { fieldManager: 'me', force: true });
  await client.patch(resources.configMaps, 'default', 'a', 'strategic-merge', {}, { dryRun: true });
  assert.deepEqual(seen, [
    'application/merge-patch+json /api/v1/namespaces/default/configmaps/a/status',
    'application/apply-patch+yaml /api/v1/namespaces/default/configmaps/a?fieldManager=me&force=true',
    'application/strategic-merge-patch+json /api/v1/namespaces/default/configmaps/a?dryRun=All',
  ]);
});

test('a token that the server refuses is asked for anew, once', async () => {
  const client = await clientOf(
    (request, response) => {
      if (request.headers.authorization === 'Bearer fresh') json(response, configMap('a'));
      else json(response, { kind: 'Status', reason: 'Unauthorized', code: 401 }, 401);
    },
    { credentials: { kind: 'token', token: (stale) => (stale ? 'fresh' : 'old') } },
  );
  const got = await client.get(resources.configMaps, 'default', 'a');
  assert.equal(got.metadata.name, 'a');
});

test('a server that is too busy is asked again when it says so', async () => {
  const clock = new TestClock();
  let calls = 0;
  const client = await clientOf(
    (_request, response) => {
      if (++calls === 1) {
        json(response, { kind: 'Status', reason: 'TooManyRequests', code: 429 }, 429, { 'retry-after': '2' });
        setImmediate(() => clock.advance(2000));
      } else json(response, configMap('a'));
    },
    { clock },
  );
  const nudge = setInterval(() => clock.advance(500), 5);
  await client.get(resources.configMaps, 'default', 'a');
  clearInterval(nudge);
  assert.equal(calls, 2);
});

test('a watch delivers lines that come in pieces, and ends with the server', async () => {
  const line = (type: string, name: string): string =>
    `${JSON.stringify({ type, object: configMap(name) })}\n`;
  const client = await clientOf((request, response) => {
    assert.match(
      request.url ?? '',
      /watch=true&allowWatchBookmarks=true&resourceVersion=5&timeoutSeconds=\d+/,
    );
    const bytes = Buffer.from(line('ADDED', 'zwölf') + line('BOOKMARK', 'b') + line('DELETED', 'c'));
    response.writeHead(200, { 'content-type': 'application/json' });
    let at = 0;
    const next = (): void => {
      if (at >= bytes.length) return void response.end();
      response.write(bytes.subarray(at, (at += 7)), () => setImmediate(next));
    };
    next();
  });
  const seen: string[] = [];
  const onEvent = (event: WatchEvent<KubeObject>): void =>
    void seen.push(`${event.type} ${event.object.metadata.name}`);
  const { signal } = new AbortController();
  await client.watch(resources.configMaps, { resourceVersion: '5' }, onEvent, signal);
  assert.deepEqual(seen, ['ADDED zwölf', 'BOOKMARK b', 'DELETED c']);
});

test('an error in the stream of a watch is thrown as what it says', async () => {
  const client = await clientOf((_request, response) => {
    const object = { kind: 'Status', reason: 'Expired', code: 410, message: 'too old' };
    response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`);
  });
  const watching = client.watch(
    resources.pods,
    { resourceVersion: '1' },
    () => {},
    new AbortController().signal,
  );
  await assert.rejects(watching, (error: unknown) => isStatus(error, 'Expired'));
});

test('an aborted watch resolves and leaves no connection behind', async () => {
  const abort = new AbortController();
  const gone = Promise.withResolvers<void>();
  const client = await clientOf((_request, response) => {
    response.on('close', () => gone.resolve());
    response.write(`${JSON.stringify({ type: 'ADDED', object: configMap('a') })}\n`);
  });
  await client.watch(resources.pods, { resourceVersion: '1' }, () => abort.abort(), abort.signal);
  await gone.promise;
});
