import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultForward, defaultRoute, type InternalRedirectPolicy, type Route } from '../model/index.ts';
import { ask, cluster, serveHttp, statOf, upstream, type Answer, type Closers } from '../testing/harness.ts';

const policy: InternalRedirectPolicy = {
  maxRedirects: 2,
  statuses: [302, 303, 307],
  crossScheme: 'never',
  avoidPreviousRoutes: false,
  copiedHeaders: ['x-token'],
};

const route = (
  prefix: string,
  name: string,
  to: string,
  internalRedirect?: InternalRedirectPolicy,
): Route => ({
  ...defaultRoute(
    { ...defaultForward(to), ...(internalRedirect === undefined ? {} : { internalRedirect }) },
    name,
  ),
  match: { ...defaultRoute(defaultForward(to)).match, path: { kind: 'prefix', value: prefix } },
});

/** `/302/x` redirects to `/x` on another host; every other path answers with what it saw. */
async function redirecting(t: Closers): Promise<number> {
  const { port } = await upstream(t, (request, response) => {
    const found = /^\/(30\d)(\/.*)$/.exec(request.url ?? '');
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      if (found === null) {
        const { method, url, headers } = request;
        response.end(JSON.stringify({ method, url, host: headers.host, headers, body }));
        return;
      }
      response.writeHead(Number(found[1]), { location: `http://other.example${found[2]}`, 'x-token': 'abc' });
      response.end('see there');
    });
  });
  return port;
}

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly host: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}
const seen = ({ body }: Answer): Seen => JSON.parse(body) as Seen;

test('a redirect is followed within, with the body, and the endpoint learns where it began', async (t) => {
  const up = await redirecting(t);
  const { port, dataPlane } = await serveHttp(t, [route('/', 'all', 'up', policy)], [cluster('up', [up])]);
  const answer = await ask(port, '/307/307/end?q=1', { method: 'POST', body: 'hello' });
  assert.equal(answer.status, 200);
  const { method, url, host, headers, body } = seen(answer);
  assert.deepEqual([method, url, host, body], ['POST', '/end?q=1', 'other.example', 'hello']);
  assert.equal(headers['x-envoy-original-url'], 'http://other.example/307/end?q=1');
  assert.equal(headers['x-token'], 'abc');
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_internal_redirect_succeeded_total'), 2);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_rq_active'), 0);
});

test('303 makes a GET of it, without the body', async (t) => {
  const up = await redirecting(t);
  const { port } = await serveHttp(t, [route('/', 'all', 'up', policy)], [cluster('up', [up])]);
  const { method, body, headers } = seen(await ask(port, '/303/end', { method: 'POST', body: 'hello' }));
  assert.deepEqual([method, body, headers['content-length']], ['GET', '', undefined]);
});

test('too many redirects, other statuses and routes that are not allowed go to the client', async (t) => {
  const up = await redirecting(t);
  const routes = [
    route('/302/listed', 'from', 'up', { ...policy, allowedRoutes: ['listed'] }),
    route('/302/unlisted', 'from', 'up', { ...policy, allowedRoutes: ['listed'] }),
    route('/302/loop', 'loop', 'up', { ...policy, avoidPreviousRoutes: true }),
    route('/listed', 'listed', 'up'),
    route('/', 'all', 'up', policy),
  ];
  const { port, dataPlane } = await serveHttp(t, routes, [cluster('up', [up])]);
  assert.equal((await ask(port, '/302/302/302/end')).status, 302);
  assert.equal((await ask(port, '/301/end')).status, 301);
  assert.equal((await ask(port, '/302/listed')).status, 200);
  const refused = await ask(port, '/302/unlisted');
  assert.equal(refused.status, 302);
  assert.equal(refused.body, 'see there');
  assert.equal((await ask(port, '/302/loop')).status, 200);
  assert.equal(statOf(dataPlane, 'cluster.up.upstream_internal_redirect_failed_total'), 2);
});
