import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { defaultUpstreamHttp } from '../model/index.ts';
import { ask, cluster, routeTo, serveHttp, statOf, upstream, type Closers } from '../testing/harness.ts';
import { askHttp2, http2Client, http2Cluster, http2Upstream } from '../testing/http2-peers.ts';

/** An endpoint that tells what it was asked, by HTTP/2. */
function echo(t: Closers): ReturnType<typeof http2Upstream> {
  return http2Upstream(t, (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'x-path': headers[':path'], 'x-authority': headers[':authority'] });
      stream.end(Buffer.concat(chunks));
    });
  });
}

test('a request goes through by HTTP/2 on both sides, over one connection for many', async (t) => {
  const up = await echo(t);
  const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [up.port])]);
  const client = await http2Client(t, port);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      askHttp2(
        client,
        { ':method': 'POST', ':path': `/p/${i}`, ':authority': 'svc.example', 'x-a': 'b' },
        `body ${i}`,
      ),
    ),
  );
  answers.forEach((answer, i) => {
    assert.equal(answer.status, 200);
    assert.equal(answer.body, `body ${i}`);
    assert.equal(answer.headers['x-path'], `/p/${i}`);
    assert.equal(answer.headers['x-authority'], 'svc.example');
    assert.equal(answer.headers.server, 'envoy');
  });
  assert.equal(up.sessions(), 1);
  const stats = dataPlane.stats.text();
  assert.match(stats, /downstream_cx_http2_total: 1\n/);
  assert.match(stats, /downstream_rq_http2_total: 50\n/);
  assert.match(stats, /cluster.up.upstream_cx_http2_total: 1\n/);
});

test('bodies of any size pass unchanged, whatever version of HTTP is spoken on either side', async (t) => {
  const up2 = await echo(t);
  const { port: up1 } = await upstream(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => response.end(Buffer.concat(chunks)));
  });
  for (const target of [http2Cluster('up', [up2.port]), cluster('up', [up1])]) {
    const { port } = await serveHttp(t, [routeTo('up')], [target]);
    const client = await http2Client(t, port);
    for (const size of [0, 1, 16_384, 70_000, 3_000_000]) {
      const body = 'abcdefghij'.repeat(size / 10 + 1).slice(0, size);
      const second = await askHttp2(client, { ':method': 'POST', ':path': '/' }, body);
      assert.equal(second.status, 200);
      assert.ok(second.body === body, `2 -> ${target.http.protocol}: ${size}, ${second.body.length}`);
      const first = await ask(port, '/', { method: 'POST', body });
      assert.ok(first.body === body, `1 -> ${target.http.protocol}: ${size}, ${first.body.length}`);
    }
  }
});

test('from HTTP/1 to HTTP/2 to HTTP/1, through two proxies', async (t) => {
  const { port: up } = await upstream(t, (request, response) => {
    response.setHeader('x-seen', `${request.method} ${request.url} ${request.headers.host}`);
    response.setHeader('set-cookie', ['a=1', 'b=2']);
    response.statusCode = request.method === 'HEAD' ? 200 : 201;
    response.end(request.headers.cookie ?? 'none');
  });
  const second = await serveHttp(t, [routeTo('up')], [cluster('up', [up])]);
  const first = await serveHttp(t, [routeTo('next')], [http2Cluster('next', [second.port])]);
  for (let i = 0; i < 3; i++) {
    const answer = await ask(first.port, '/a?b=c', { headers: { host: 'svc:8080', Cookie: 'x=1; y=2' } });
    assert.equal(answer.status, 201);
    assert.equal(answer.body, 'x=1; y=2');
    assert.equal(answer.headers['x-seen'], 'GET /a?b=c svc:8080');
    assert.deepEqual(answer.headers['set-cookie'], ['a=1', 'b=2']);
  }
  assert.equal((await ask(first.port, '/', { method: 'HEAD' })).status, 200);
});

test('a cluster that follows the client speaks to its endpoint as the client does', async (t) => {
  const up2 = await echo(t);
  const follow = { http: { ...defaultUpstreamHttp, protocol: 'downstream' as const } };
  const { port } = await serveHttp(t, [routeTo('up')], [cluster('up', [up2.port], follow)]);
  const client = await http2Client(t, port);
  assert.equal((await askHttp2(client, { ':path': '/' })).status, 200);
  assert.notEqual((await ask(port)).status, 200, 'the endpoint speaks HTTP/2 only');
  const { port: up1 } = await upstream(t, (_request, response) => response.end('one'));
  const other = await serveHttp(t, [routeTo('up')], [cluster('up', [up1], follow)]);
  assert.equal((await ask(other.port)).body, 'one');
});

test('trailers and interim answers pass, in both directions', async (t) => {
  const up = await http2Upstream(t, (stream) => {
    stream.on('trailers', (trailers) => {
      stream.additionalHeaders({ ':status': 103, link: '</a.css>' });
      stream.respond({ ':status': 200 }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': String(trailers['x-check']) }));
      stream.end('body');
    });
    stream.resume();
  });
  const { port } = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [up.port])]);
  const client = await http2Client(t, port);
  const stream = client.request({ ':method': 'POST', ':path': '/' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'x-check': '42' }));
  stream.end('question');
  stream.resume();
  const interim = once(stream, 'headers');
  const trailers = once(stream, 'trailers');
  await once(stream, 'response');
  assert.equal((await interim)[0].link, '</a.css>');
  assert.equal((await trailers)[0]['x-sum'], '42');
});

test('a slow reader makes the endpoint wait, and no other stream', async (t) => {
  let sent = 0;
  const up = await http2Upstream(t, (stream, headers) => {
    stream.respond({ ':status': 200 });
    if (headers[':path'] !== '/endless') {
      stream.end('quick');
      return;
    }
    const chunk = Buffer.alloc(64 * 1024);
    const more = (): void => {
      while (!stream.destroyed) {
        sent += chunk.length;
        if (!stream.write(chunk)) break;
      }
    };
    stream.on('drain', more);
    more();
  });
  const { port } = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [up.port])]);
  const client = await http2Client(t, port, { initialWindowSize: 65_535 });
  const slow = client.request({ ':path': '/endless' });
  await once(slow, 'response');
  // What the windows allow has been sent when others have been answered often.
  let before = -1;
  for (let i = 0; i < 40 && before !== sent; i += 1) {
    before = sent;
    for (let n = 0; n < 10; n++) assert.equal((await askHttp2(client, { ':path': '/quick' })).body, 'quick');
  }
  assert.equal(before, sent, 'the endpoint waits');
  assert.ok(sent < 8 * 1024 * 1024, `${sent} bytes were taken from the endpoint`);
  const limit = sent + 4 * 1024 * 1024;
  await new Promise<void>((resolve) => slow.on('data', () => sent > limit && resolve()));
  slow.close();
});

test('a slow endpoint makes the client wait, and the rest of the body arrives when it goes on', async (t) => {
  let release: () => void = () => {};
  let got = 0;
  const up = await http2Upstream(t, (stream) => {
    release = () => stream.on('data', (chunk: Buffer) => (got += chunk.length));
    stream.on('end', () => {
      stream.respond({ ':status': 200 });
      stream.end(String(got));
    });
  });
  const { port } = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [up.port])]);
  const client = await http2Client(t, port);
  const total = 12 * 1024 * 1024;
  const stream = client.request({ ':method': 'POST', ':path': '/' });
  stream.end(Buffer.alloc(total));
  await once(up.server, 'stream');
  // The window towards the client is far smaller than the body.
  let before = -1;
  while (before !== client.state.effectiveLocalWindowSize || before === -1) {
    before = client.state.effectiveLocalWindowSize ?? 0;
    await new Promise((resolve) => client.ping(() => resolve(undefined)));
  }
  assert.equal(got, 0);
  release();
  const [headers] = await once(stream, 'response');
  assert.equal(headers[':status'], 200);
  let text = '';
  for await (const chunk of stream) text += String(chunk);
  assert.equal(Number(text), total);
});

test('what a client takes back is taken back at the endpoint', async (t) => {
  const up = await http2Upstream(t, () => {});
  const { port } = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [up.port])]);
  const client = await http2Client(t, port);
  const asked = once(up.server, 'stream');
  const stream = client.request({ ':path': '/' });
  const [endpointStream] = await asked;
  const aborted = once(endpointStream, 'close');
  stream.close(8);
  await aborted;
  assert.equal(endpointStream.rstCode, 8);
});

test('a client that takes a whole request back without an error takes it back all the same', async (t) => {
  const up = await http2Upstream(t, (stream) => {
    stream.respond({ ':status': 200 });
    stream.write('an event, and others later');
  });
  const { port } = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [up.port])]);
  const client = await http2Client(t, port);
  const asked = once(up.server, 'stream');
  const stream = client.request({ ':path': '/' });
  const [endpointStream] = await asked;
  await once(stream, 'data');
  const aborted = once(endpointStream, 'close');
  stream.close(0);
  await aborted;
  assert.equal(endpointStream.rstCode, 8);
});

test('a stream that the endpoint refuses, or that its GOAWAY leaves out, goes to a new connection', async (t) => {
  let count = 0;
  const up = await http2Upstream(t, (stream) => {
    if (count++ === 0) {
      stream.close(7);
      return;
    }
    stream.respond({ ':status': 200 });
    stream.end('at last');
  });
  const { port } = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [up.port])]);
  assert.equal((await ask(port, '/', { method: 'POST' })).body, 'at last');
  let sessions = 0;
  const leaving = await http2Upstream(t, (stream) => {
    stream.respond({ ':status': 200 });
    stream.end('second');
  });
  leaving.server.on('session', (session) => {
    if (sessions++ === 0) session.goaway(0, 0);
  });
  const other = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [leaving.port])]);
  for (let i = 0; i < 3; i++) assert.equal((await ask(other.port)).status, 200);
});

test('an endpoint that takes few streams gets a second connection for what is more', async (t) => {
  const held: { respond(): void }[] = [];
  const up = await http2Upstream(
    t,
    (stream) => {
      held.push({
        respond() {
          stream.respond({ ':status': 200 });
          stream.end('x');
        },
      });
      if (held.length === 6) for (const one of held) one.respond();
    },
    { maxConcurrentStreams: 2 },
  );
  const { port } = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [up.port])]);
  // The first one learns the limit.
  const first = ask(port);
  await once(up.server, 'stream');
  const rest = Array.from({ length: 5 }, () => ask(port));
  for (const answer of await Promise.all([first, ...rest])) assert.equal(answer.status, 200);
  assert.equal(up.sessions(), 3);
});

test('a connection of an endpoint that takes few streams is not given more, also before it has said so', async (t) => {
  const held: (() => void)[] = [];
  let together = 1;
  const up = await http2Upstream(
    t,
    (stream) => {
      held.push(() => {
        stream.respond({ ':status': 200 });
        stream.end('x');
      });
      if (held.length === together) for (const answer of held) answer();
    },
    { maxConcurrentStreams: 2 },
  );
  const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [up.port])]);
  assert.equal((await ask(port)).status, 200);
  held.length = 0;
  together = 12;
  // Ten of these need connections of which no settings have come.
  const answers = await Promise.all(Array.from({ length: together }, () => ask(port)));
  for (const { status, body } of answers) assert.equal(status, 200, body);
  assert.equal(up.sessions(), 6);
  assert.equal(statOf(dataPlane, 'cluster.up.http2.rx_reset'), 0);
});

test('draining lets streams finish, and tells the client to go elsewhere', async (t) => {
  let answer: () => void = () => {};
  const up = await http2Upstream(t, (stream) => {
    answer = () => {
      stream.respond({ ':status': 200 });
      stream.end('late');
    };
  });
  const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [up.port])]);
  const client = await http2Client(t, port);
  const asked = once(up.server, 'stream');
  const answered = askHttp2(client, { ':path': '/' });
  await asked;
  const goaway = once(client, 'goaway');
  const drained = dataPlane.drain(5_000);
  assert.equal((await goaway)[0], 0);
  answer();
  assert.equal((await answered).body, 'late');
  assert.deepEqual(await drained, { activeConnections: 0 });
});

test('an endpoint that breaks off resets the stream, one that is gone is a 503', async (t) => {
  const up = await http2Upstream(t, (stream, headers) => {
    if (headers[':path'] === '/early') {
      stream.close(2);
      return;
    }
    stream.respond({ ':status': 200 });
    stream.write('part');
    stream.session?.socket.destroy();
  });
  const { port } = await serveHttp(t, [routeTo('up')], [http2Cluster('up', [up.port])]);
  const client = await http2Client(t, port);
  const early = await askHttp2(client, { ':path': '/early' });
  assert.equal(early.status, 503);
  assert.match(early.body, /reset reason: remote reset/);
  await assert.rejects(askHttp2(client, { ':path': '/late' }));
});
