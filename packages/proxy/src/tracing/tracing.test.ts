import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import type { Route } from '../model/index.ts';
import { entryOfText } from '../runtime/runtime-entry.ts';
import { Runtime } from '../runtime/runtime.ts';
import { ask, routeTo, statOf, until, upstream } from '../testing/harness.ts';
import {
  everything,
  nothing,
  proxy,
  traced,
  untilStat,
  whole,
  zipkin,
  zipkinCollector,
  type ZipkinSpan,
} from './testing/traced-proxy.ts';

test('a request through two proxies is one trace: the server’s span is a child of the client’s', async (t) => {
  const collector = await zipkinCollector(t);
  const seen: Record<string, unknown>[] = [];
  const app = await upstream(t, (request, response) => {
    seen.push(request.headers);
    response.end('fine');
  });
  const clocks = [new TestClock(), new TestClock()];
  const server = await proxy(t, 'inbound', {
    backend: app.port,
    collector: collector.port,
    tracing: traced(zipkin(), {
      customTags: [
        { tag: 'istio.mesh_id', kind: 'literal', value: 'mesh1', defaultValue: '' },
        { tag: 'who', kind: 'header', value: 'x-who', defaultValue: 'nobody' },
        { tag: 'none', kind: 'environment', value: 'LATEEN_NO_SUCH', defaultValue: '' },
        {
          tag: 'of',
          kind: 'metadata',
          of: 'route',
          namespace: 'istio',
          path: ['config', 'name'],
          defaultValue: '?',
        },
      ],
    }),
    route: {
      decorator: { operation: 'reviews:9080/*', propagate: true },
      metadata: { istio: { config: { name: 'vs' } } },
    },
    clock: clocks[0] as TestClock,
  });
  const client = await proxy(t, 'outbound', {
    backend: server.port,
    collector: collector.port,
    tracing: traced(zipkin()),
    clock: clocks[1] as TestClock,
  });
  const answer = await ask(client.port, '/a?b=c', { headers: { host: 'reviews:9080', 'x-who': 'me' } });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['x-envoy-decorator-operation'], undefined);
  for (const clock of clocks) clock.advance(5_000);
  await untilStat(server.dataPlane, 'tracing.zipkin.reports_sent', 1);
  await untilStat(client.dataPlane, 'tracing.zipkin.reports_sent', 1);
  assert.equal(collector.hosts[0], 'zipkin.istio-system');

  const of = (kind: string): ZipkinSpan => {
    const found = collector.spans.find((span) => span.kind === kind);
    assert.ok(found);
    return found;
  };
  const [outer, inner] = [of('CLIENT'), of('SERVER')];
  assert.equal(collector.spans.length, 2);
  assert.equal(outer.parentId, undefined);
  assert.equal(outer.traceId.length, 32);
  assert.equal(inner.traceId, outer.traceId);
  assert.equal(inner.parentId, outer.id);
  assert.notEqual(inner.id, outer.id);
  assert.equal(inner.name, 'reviews:9080/*');
  assert.equal(outer.name, 'reviews:9080/*', 'the client has the name from the server');
  assert.equal(outer.localEndpoint.serviceName, 'reviews.outbound');
  assert.ok(outer.duration >= 1 && outer.timestamp > 0);
  const { tags } = inner;
  assert.equal(tags['http.url'], 'http://reviews:9080/a?b=c');
  assert.equal(tags['http.method'], 'GET');
  assert.equal(tags['http.status_code'], '200');
  assert.equal(tags['response_size'], '4');
  assert.equal(tags['component'], 'proxy');
  assert.equal(tags['node_id'], 'sidecar~inbound');
  assert.equal(tags['zone'], 'zone-a');
  assert.equal(tags['upstream_cluster'], 'backend');
  assert.equal(tags['upstream_cluster.name'], 'backend');
  assert.equal(tags['response_flags'], '-');
  assert.equal(tags['peer.address'], '127.0.0.1');
  assert.equal(tags['istio.mesh_id'], 'mesh1');
  assert.equal(tags['who'], 'me');
  assert.equal(tags['of'], 'vs');
  assert.ok(!('none' in tags) && !('error' in tags));
  assert.equal(tags['guid:x-request-id'], outer.tags['guid:x-request-id']);
  assert.equal(tags['guid:x-request-id']?.[14], '9', 'the id carries the decision');
  // The application is told of the server's span.
  assert.equal(seen[0]?.['x-b3-spanid'], inner.id);
  assert.equal(seen[0]?.['x-b3-parentspanid'], outer.id);
  assert.equal(seen[0]?.['x-b3-sampled'], '1');
  assert.equal(seen[0]?.['x-envoy-decorator-operation'], undefined);
});

test('with a shared context client and server have one span id between them', async (t) => {
  const collector = await zipkinCollector(t);
  const app = await upstream(t, (_request, response) => response.end());
  const clock = new TestClock();
  const { dataPlane, port } = await proxy(t, 'inbound', {
    backend: app.port,
    collector: collector.port,
    tracing: traced(zipkin({ sharedSpanContext: true, traceId128bit: false })),
    clock,
  });
  const headers = {
    'x-b3-traceid': '463ac35c9f6413ad',
    'x-b3-spanid': 'a2fb4a1d1a96d312',
    'x-b3-parentspanid': '0020000000000001',
    'x-b3-sampled': '1',
  };
  await ask(port, '/', { headers });
  clock.advance(5_000);
  await untilStat(dataPlane, 'tracing.zipkin.reports_sent', 1);
  const [span] = collector.spans;
  assert.equal(span?.id, 'a2fb4a1d1a96d312');
  assert.equal(span?.parentId, '0020000000000001');
  assert.equal(span?.shared, true);
});

test('a request that is not sampled has no span, and tells the next of it', async (t) => {
  const seen: Record<string, unknown>[] = [];
  const app = await upstream(t, (request, response) => {
    seen.push(request.headers);
    response.end();
  });
  const { dataPlane, port } = await proxy(t, 'inbound', {
    backend: app.port,
    collector: 1,
    tracing: traced(zipkin(), { sampling: { client: whole, random: nothing, overall: whole } }),
    manager: { statPrefix: 'in' },
  });
  await ask(port);
  assert.equal(seen[0]?.['x-b3-sampled'], '0');
  assert.match(String(seen[0]?.['x-request-id']), /^.{14}4/);
  await ask(port, '/', { headers: { 'x-envoy-force-trace': 'true' } });
  assert.equal(seen[1]?.['x-b3-sampled'], '1');
  assert.match(String(seen[1]?.['x-request-id']), /^.{14}a/);
  await ask(port, '/', { headers: { 'x-client-trace-id': 'mine' } });
  assert.match(String(seen[2]?.['x-request-id']), /^.{14}b/);
  // A context from before decides for itself.
  await ask(port, '/', { headers: { b3: '463ac35c9f6413ad-a2fb4a1d1a96d312-1' } });
  assert.equal(seen[3]?.['x-b3-sampled'], undefined);
  assert.match(
    String(seen[3]?.['b3']),
    /^463ac35c9f6413ad-(?!a2fb4a1d1a96d312)[0-9a-f]{16}-1-a2fb4a1d1a96d312$/,
  );
  assert.equal(statOf(dataPlane, 'http.in.tracing.not_traceable'), 2);
  assert.equal(statOf(dataPlane, 'http.in.tracing.service_forced'), 1);
  assert.equal(statOf(dataPlane, 'http.in.tracing.client_enabled'), 1);
});

test('the runtime changes what is sampled', async (t) => {
  const seen: unknown[] = [];
  const app = await upstream(t, (request, response) => {
    seen.push(request.headers['x-b3-sampled']);
    response.end();
  });
  const runtime = new Runtime([{ name: 'admin', kind: 'admin', values: new Map() }]);
  const { port } = await proxy(t, 'inbound', {
    backend: app.port,
    collector: 1,
    tracing: traced(zipkin()),
    runtime,
  });
  await ask(port);
  runtime.modify([['tracing.global_enabled', '0']]);
  await ask(port);
  assert.deepEqual(seen, ['1', '0']);
});

test('what a route says of sampling and tags takes the place of the connection manager’s', async (t) => {
  const collector = await zipkinCollector(t);
  const app = await upstream(t, (_request, response) => response.writeHead(503).end());
  const clock = new TestClock();
  const { dataPlane, port } = await proxy(t, 'inbound', {
    backend: app.port,
    collector: collector.port,
    tracing: traced(zipkin(), {
      sampling: { client: whole, random: nothing, overall: whole },
      customTags: [{ tag: 'team', kind: 'literal', value: 'all', defaultValue: '' }],
      maxPathTagLength: 3,
    }),
    route: {
      tracing: {
        sampling: everything,
        customTags: [{ tag: 'team', kind: 'literal', value: 'mine', defaultValue: '' }],
      },
    },
    clock,
  });
  await ask(port, '/long', { headers: { host: 'a' } });
  clock.advance(5_000);
  await untilStat(dataPlane, 'tracing.zipkin.reports_sent', 1);
  const tags = collector.spans[0]?.tags;
  assert.equal(tags?.['team'], 'mine');
  assert.equal(tags?.['http.url'], 'http://a/lo');
  assert.equal(tags?.['error'], 'true');
});

test('tries have spans of their own where that is asked for, and endpoints are told of those', async (t) => {
  const collector = await zipkinCollector(t);
  const seen: (string | undefined)[] = [];
  const app = await upstream(t, (request, response) => {
    seen.push(request.headers['x-b3-spanid'] as string | undefined);
    response.writeHead(seen.length === 1 ? 503 : 200).end();
  });
  const clock = new TestClock();
  const { dataPlane, port } = await proxy(t, 'outbound', {
    backend: app.port,
    collector: collector.port,
    tracing: traced(zipkin(), { spawnUpstreamSpan: true }),
    clock,
  });
  const asked = ask(port, '/', { headers: { 'x-envoy-retry-on': '5xx' } });
  while (seen.length < 2) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(25);
  }
  assert.equal((await asked).status, 200);
  clock.advance(5_000);
  await untilStat(dataPlane, 'tracing.zipkin.reports_sent', 1);
  const [first, second, whole_] = collector.spans;
  assert.equal(whole_?.kind, 'SERVER');
  assert.equal(first?.name, 'router backend egress');
  assert.deepEqual([first?.parentId, second?.parentId], [whole_?.id, whole_?.id]);
  assert.deepEqual([first?.id, second?.id], seen);
  assert.deepEqual([first?.tags['http.status_code'], second?.tags['http.status_code']], ['503', '200']);
  assert.equal(second?.tags['retry.count'], '1');
});

test('a collector that is away costs spans and no request', async (t) => {
  const app = await upstream(t, (_request, response) => response.end());
  const { port: refused, server } = await upstream(t, () => {});
  server.close();
  await once(server, 'close');
  const clock = new TestClock();
  const { dataPlane, port } = await proxy(t, 'inbound', {
    backend: app.port,
    collector: refused,
    tracing: traced(zipkin()),
    clock,
  });
  for (let i = 0; i < 5; i++) assert.equal((await ask(port)).status, 200);
  await untilStat(dataPlane, 'tracing.zipkin.reports_failed', 1);
  assert.equal(statOf(dataPlane, 'tracing.zipkin.spans_sent'), 5);
});

test('a collector that refuses, and one that the proxy does not know, are counted apart', async (t) => {
  const collector = await zipkinCollector(t, 500);
  const app = await upstream(t, (_request, response) => response.end());
  for (const [name, stat] of [
    ['zipkin', 'reports_dropped'],
    ['nowhere', 'reports_skipped_no_cluster'],
  ] as const) {
    const { dataPlane, port } = await proxy(t, 'inbound', {
      backend: app.port,
      collector: collector.port,
      tracing: traced(zipkin({ cluster: name })),
    });
    for (let i = 0; i < 5; i++) await ask(port);
    await untilStat(dataPlane, `tracing.zipkin.${stat}`, 1);
  }
});

/** Runtime keys that make each span a report of its own. */
const atOnce = (): Runtime =>
  new Runtime([
    {
      name: 'static',
      kind: 'static',
      values: new Map([['tracing.zipkin.min_flush_spans', entryOfText('1')]]),
    },
  ]);

test('spans are sent as the runtime says, and a server’s tells of the request as it was sent on', async (t) => {
  const collector = await zipkinCollector(t);
  const app = await upstream(t, (_request, response) => response.end());
  const { dataPlane, port } = await proxy(t, 'inbound', {
    backend: app.port,
    collector: collector.port,
    tracing: traced(zipkin({ sharedSpanContext: true })),
    route: {
      ...routeTo('backend'),
      action: { ...routeTo('backend').action, hostRewrite: { kind: 'literal', value: 'new.host' } },
    } as Partial<Route>,
    clock: new TestClock(),
    runtime: atOnce(),
  });
  await ask(port, '/a');
  await untilStat(dataPlane, 'tracing.zipkin.reports_sent', 1);
  const [span] = collector.spans;
  assert.equal(span?.shared, true, 'also where the trace begins here');
  assert.deepEqual(span.annotations, [{ timestamp: span.timestamp + span.duration, value: 'ss' }]);
  assert.equal(span.tags['http.url'], 'http://new.host/a');
  assert.ok(!('upstream_address' in span.tags));
});

test('a gRPC status is an error where the server is at fault', async (t) => {
  const collector = await zipkinCollector(t);
  const app = await upstream(t, (request, response) => {
    response.setHeader('grpc-status', String(request.headers['x-status']));
    response.end();
  });
  const { dataPlane, port } = await proxy(t, 'outbound', {
    backend: app.port,
    collector: collector.port,
    tracing: traced(zipkin(), { spawnUpstreamSpan: true }),
    clock: new TestClock(),
    runtime: atOnce(),
  });
  for (const status of ['5', '13']) {
    await ask(port, '/', { headers: { 'content-type': 'application/grpc', 'x-status': status } });
  }
  await untilStat(dataPlane, 'tracing.zipkin.spans_sent', 4);
  await until(() => collector.spans.length === 4);
  const errors = collector.spans.map(
    ({ kind, tags }) => `${kind} ${tags['grpc.status_code']} ${tags['error'] ?? 'fine'}`,
  );
  const wanted = ['CLIENT 13 true', 'CLIENT 5 fine', 'SERVER 13 true', 'SERVER 5 fine'];
  assert.deepEqual(new Set(errors), new Set(wanted));
});

test('a try that fails says why, and nothing of the node', async (t) => {
  const collector = await zipkinCollector(t);
  const app = await upstream(t, (request) => request.socket.destroy());
  const { dataPlane, port } = await proxy(t, 'outbound', {
    backend: app.port,
    collector: collector.port,
    tracing: traced(zipkin(), { spawnUpstreamSpan: true }),
    clock: new TestClock(),
    runtime: atOnce(),
  });
  await ask(port);
  await untilStat(dataPlane, 'tracing.zipkin.spans_sent', 2);
  await until(() => collector.spans.length === 2);
  const tags = collector.spans.find(({ kind }) => kind === 'CLIENT')?.tags ?? {};
  assert.equal(tags['error'], 'true');
  assert.equal(tags['error.reason'], 'connection termination');
  assert.equal(tags['http.status_code'], '0');
  assert.ok(!('node_id' in tags) && !('zone' in tags));
});

test('of a request that is not sampled the endpoint is told as of a try, where tries have spans', async (t) => {
  const seen: Record<string, unknown>[] = [];
  const app = await upstream(t, (request, response) => {
    seen.push(request.headers);
    response.end();
  });
  const { port } = await proxy(t, 'outbound', {
    backend: app.port,
    collector: 1,
    tracing: traced(zipkin({ sharedSpanContext: true }), { spawnUpstreamSpan: true }),
  });
  const headers = {
    'x-b3-traceid': '463ac35c9f6413ad',
    'x-b3-spanid': 'a2fb4a1d1a96d312',
    'x-b3-sampled': '0',
  };
  await ask(port, '/', { headers });
  assert.equal(seen[0]?.['x-b3-parentspanid'], 'a2fb4a1d1a96d312');
  assert.notEqual(seen[0]?.['x-b3-spanid'], 'a2fb4a1d1a96d312');
});
