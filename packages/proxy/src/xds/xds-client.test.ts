import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff, TestClock, silentLogger } from '@lateen/core';
import {
  Resource,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  type DiscoveryResponse,
} from '@lateen/protocol/envoy/service/discovery/v3';
import { encode } from '@lateen/protocol';
import { deltaSession } from './delta-session.ts';
import { resourceTypeFacts, type ResourceType } from './resource-type.ts';
import { sotwSession } from './sotw-session.ts';
import type { ResourceUpdate } from './subscription.ts';
import { createXdsClient, type StreamHandlers, type XdsVariant } from './xds-client.ts';

const url = (type: ResourceType): string => resourceTypeFacts[type].typeUrl;
const bytes = (text: string): Uint8Array => Buffer.from(text);

/** A control plane in the same process: what it was asked, and a way to answer. */
function harness<Request, Response>(
  session: XdsVariant<Request, Response>['session'],
  types: readonly ResourceType[] = ['cluster', 'endpoint'],
) {
  const clock = new TestClock();
  const streams: { handlers: StreamHandlers<Response>; requests: Request[] }[] = [];
  const updates: ResourceUpdate[] = [];
  const refuse = new Map<string, string>();
  const sink = {
    async update(update: ResourceUpdate) {
      updates.push(update);
      return update.changed.flatMap((r) => {
        const reason = refuse.get(r.name);
        return reason === undefined ? [] : [{ name: r.name, reason }];
      });
    },
  };
  const backoff = new Backoff({ baseMs: 100, jitter: 0 });
  const client = createXdsClient(
    { types, sink, clock, log: silentLogger, backoff },
    {
      open(handlers) {
        const stream = { handlers, requests: [] as Request[] };
        streams.push(stream);
        return { send: (request) => stream.requests.push(request), cancel() {} };
      },
      session,
    },
  );
  client.start();
  const last = () => streams.at(-1)!;
  const receive = async (response: Response): Promise<void> => {
    last().handlers.onMessage(response);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, client, updates, refuse, streams, last, receive, take: () => last().requests.splice(0) };
}

const delta = () =>
  harness<DeltaDiscoveryRequest, DeltaDiscoveryResponse>((context) =>
    deltaSession({ ...context, node: { id: 'n' }, log: silentLogger }),
  );

const sotw = () =>
  harness<DiscoveryRequest, DiscoveryResponse>((context) =>
    sotwSession({
      ...context,
      node: { id: 'n' },
      log: silentLogger,
      nameOf: (_, value) => (value.length === 0 ? undefined : Buffer.from(value).toString()),
    }),
  );

function resource(type: ResourceType, name: string, version: string) {
  return { name, version, resource: { typeUrl: url(type), value: bytes(name) } };
}

test('delta: clusters are asked for whole, endpoints only by the names that are wanted', async () => {
  const h = delta();
  assert.deepEqual(h.take(), [{ node: { id: 'n' }, typeUrl: url('cluster') }]);
  h.client.want('endpoint', new Set(['a', 'b']));
  await Promise.resolve();
  assert.deepEqual(h.take(), [{ typeUrl: url('endpoint'), resourceNamesSubscribe: ['a', 'b'] }]);
  h.client.want('endpoint', new Set(['b', 'c']));
  await Promise.resolve();
  assert.deepEqual(h.take(), [
    { typeUrl: url('endpoint'), resourceNamesSubscribe: ['c'], resourceNamesUnsubscribe: ['a'] },
  ]);
});

test('delta: a response is acknowledged by its nonce before what it makes wanted is asked for', async () => {
  const h = delta();
  h.take();
  await h.receive({
    typeUrl: url('cluster'),
    nonce: 'n1',
    systemVersionInfo: 'v1',
    resources: [resource('cluster', 'a', '1')],
    removedResources: ['old'],
  });
  assert.deepEqual(h.take(), [{ typeUrl: url('cluster'), responseNonce: 'n1' }]);
  assert.deepEqual(h.updates[0]?.removed, ['old']);
  assert.equal(h.updates[0]?.changed[0]?.name, 'a');
});

test('delta: a refused resource is named in the answer and the versions kept are those in effect', async () => {
  const h = delta();
  h.take();
  await h.receive({
    typeUrl: url('cluster'),
    nonce: 'n1',
    resources: [resource('cluster', 'a', '1'), resource('cluster', 'b', '1')],
  });
  h.refuse.set('b', 'connect_timeout: must be positive');
  h.take();
  await h.receive({
    typeUrl: url('cluster'),
    nonce: 'n2',
    resources: [resource('cluster', 'a', '2'), resource('cluster', 'b', '2')],
  });
  assert.deepEqual(h.take(), [
    {
      typeUrl: url('cluster'),
      responseNonce: 'n2',
      errorDetail: { code: 13, message: 'b: connect_timeout: must be positive' },
    },
  ]);
  h.last().handlers.onEnd('connection reset');
  h.clock.advance(100);
  assert.equal(h.streams.length, 2);
  assert.deepEqual(h.take(), [
    { node: { id: 'n' }, typeUrl: url('cluster'), initialResourceVersions: { a: '2', b: '1' } },
  ]);
});

test('delta: a type that was not asked for is passed over, and names that were not are not asked for again', async () => {
  const h = delta();
  h.take();
  await h.receive({ typeUrl: 'type.googleapis.com/foo.Bar', nonce: 'x' });
  assert.deepEqual(h.take(), []);
  h.client.want('endpoint', new Set(['a']));
  await Promise.resolve();
  h.take();
  await h.receive({
    typeUrl: url('endpoint'),
    nonce: 'n1',
    resources: [resource('endpoint', 'a', '1'), resource('endpoint', 'z', '1')],
  });
  h.take();
  h.last().handlers.onEnd('connection reset');
  h.clock.advance(100);
  const again = h.take().find((request) => (request as { typeUrl: string }).typeUrl === url('endpoint'));
  assert.deepEqual((again as Record<string, unknown>)['initialResourceVersions'], { a: '1' });
});

test('a stream that ends is opened again with growing delays, from the start after an answer', async () => {
  const h = delta();
  for (const delay of [100, 200, 400]) {
    h.last().handlers.onEnd('refused');
    const streams = h.streams.length;
    h.clock.advance(delay - 1);
    assert.equal(h.streams.length, streams);
    h.clock.advance(1);
    assert.equal(h.streams.length, streams + 1);
  }
  await h.receive({ typeUrl: url('cluster'), nonce: 'n' });
  assert.equal(h.client.state.kind, 'connected');
  h.last().handlers.onEnd('reset');
  assert.deepEqual(h.client.state, { kind: 'waiting', reason: 'reset', delayMs: 100 });
  h.client.close();
  h.clock.advance(1000);
  assert.equal(h.streams.length, 4);
});

test('sotw: the accepted version is acknowledged, a refused one keeps the version before', async () => {
  const h = sotw();
  assert.deepEqual(h.take(), [
    { node: { id: 'n' }, typeUrl: url('cluster'), versionInfo: '', responseNonce: '' },
  ]);
  const any = (name: string) => ({ typeUrl: url('cluster'), value: bytes(name) });
  await h.receive({
    typeUrl: url('cluster'),
    nonce: '1',
    versionInfo: 'A',
    resources: [any('x'), any('y')],
  });
  assert.deepEqual(h.take(), [{ typeUrl: url('cluster'), versionInfo: 'A', responseNonce: '1' }]);
  h.refuse.set('y', 'bad');
  await h.receive({
    typeUrl: url('cluster'),
    nonce: '2',
    versionInfo: 'B',
    resources: [any('y')],
  });
  assert.deepEqual(h.take(), [
    {
      typeUrl: url('cluster'),
      versionInfo: 'A',
      responseNonce: '2',
      errorDetail: { code: 13, message: 'y: bad' },
    },
  ]);
  assert.deepEqual(h.updates[1]?.removed, ['x']);
});

test('sotw: endpoints that a response does not hold are not removed, and names are asked for whole', async () => {
  const h = sotw();
  h.client.want('endpoint', new Set(['a', 'b']));
  await Promise.resolve();
  h.take();
  const any = (name: string) => ({ typeUrl: url('endpoint'), value: bytes(name) });
  await h.receive({
    typeUrl: url('endpoint'),
    nonce: '1',
    versionInfo: 'A',
    resources: [any('a'), any('b')],
  });
  await h.receive({
    typeUrl: url('endpoint'),
    nonce: '2',
    versionInfo: 'B',
    resources: [any('a')],
  });
  assert.deepEqual(h.updates[1]?.removed, []);
  h.take();
  h.client.want('endpoint', new Set(['b']));
  await Promise.resolve();
  assert.deepEqual(h.take(), [
    { typeUrl: url('endpoint'), versionInfo: 'B', responseNonce: '2', resourceNames: ['b'] },
  ]);
});

test('sotw: a resource that cannot be read refuses the response and takes nothing away', async () => {
  const h = sotw();
  const any = (name: string) => ({ typeUrl: url('cluster'), value: bytes(name) });
  await h.receive({
    typeUrl: url('cluster'),
    nonce: '1',
    versionInfo: 'A',
    resources: [any('x')],
  });
  h.take();
  await h.receive({
    typeUrl: url('cluster'),
    nonce: '2',
    versionInfo: 'B',
    resources: [any('')],
  });
  const [answer] = h.take();
  assert.equal(answer?.versionInfo, 'A');
  assert.match(answer?.errorDetail?.message ?? '', /^resources\[0\]: not a readable/);
  assert.deepEqual(h.updates[1]?.removed, []);
});

test('delta: a resource that is not heard of within its time to live is removed, also while the stream is down', async () => {
  const h = delta();
  await h.receive({
    typeUrl: url('cluster'),
    nonce: '1',
    resources: [
      { ...resource('cluster', 'a', '1'), ttl: 1_000 },
      { ...resource('cluster', 'b', '1'), ttl: 1_000 },
    ],
  });
  h.clock.advance(900);
  await h.receive({
    typeUrl: url('cluster'),
    nonce: '2',
    resources: [
      { name: 'a', version: '1', ttl: 2_000 },
      // Not the version that is here: no sign of its life.
      { name: 'b', version: '0', ttl: 2_000 },
    ],
  });
  assert.deepEqual(h.updates.at(-1)?.changed, []);
  h.clock.advance(100);
  assert.deepEqual(h.updates.at(-1)?.removed, ['b']);
  h.last().handlers.onEnd('reset');
  h.clock.advance(1_899);
  assert.deepEqual(h.updates.at(-1)?.removed, ['b']);
  h.clock.advance(1);
  assert.deepEqual(h.updates.at(-1)?.removed, ['a']);
  assert.deepEqual(h.client.subscriptions.get('cluster')?.versions, new Map());
  h.client.close();
  assert.equal(h.clock.pending, 0);
});

test('sotw: a time to live comes in a wrapper, a heartbeat of the same version prolongs it and counts as presence', async () => {
  const h = sotw();
  const wrap = (more: Resource) => ({ typeUrl: Resource.typeUrl, value: encode(Resource, more) });
  const x = { typeUrl: url('cluster'), value: bytes('x') };
  await h.receive({
    typeUrl: url('cluster'),
    nonce: '1',
    versionInfo: 'A',
    resources: [wrap({ name: 'x', ttl: 1_000, resource: x })],
  });
  assert.equal(h.updates[0]?.changed[0]?.name, 'x');
  h.clock.advance(999);
  await h.receive({
    typeUrl: url('cluster'),
    nonce: '2',
    versionInfo: 'A',
    resources: [wrap({ name: 'x', ttl: 1_000 })],
  });
  assert.deepEqual([h.updates[1]?.changed, h.updates[1]?.removed], [[], []]);
  h.clock.advance(999);
  assert.equal(h.updates.length, 2);
  h.clock.advance(1);
  assert.deepEqual(h.updates[2]?.removed, ['x']);
  // A version without a time to live lives until it is removed.
  await h.receive({ typeUrl: url('cluster'), nonce: '3', versionInfo: 'B', resources: [x] });
  h.clock.advance(60_000);
  assert.equal(h.updates.length, 4);
});

test('a control plane that is away for minutes is asked at growing, jittered delays of 30 s at most', async () => {
  const delays: number[] = [];
  const open: StreamHandlers<DeltaDiscoveryResponse>[] = [];
  const clock = new TestClock();
  const client = createXdsClient<DeltaDiscoveryRequest, DeltaDiscoveryResponse>(
    {
      types: ['cluster'],
      sink: { update: async () => [] },
      clock,
      log: silentLogger,
      onConnection(state) {
        if (state.kind === 'waiting') delays.push(state.delayMs);
      },
    },
    {
      open(handlers) {
        open.push(handlers);
        return { send() {}, cancel() {} };
      },
      session: (context) => deltaSession({ ...context, node: { id: 'n' }, log: silentLogger }),
    },
  );
  client.start();
  open.at(-1)?.onMessage({ typeUrl: url('cluster'), nonce: '1', resources: [resource('cluster', 'a', '1')] });
  await new Promise((resolve) => setImmediate(resolve));
  const endMs = clock.now() + 300_000;
  while (clock.now() < endMs) {
    const streams = open.length;
    open.at(-1)?.onEnd('connection refused');
    clock.advance(delays.at(-1) as number);
    assert.equal(open.length, streams + 1);
  }
  assert.ok(delays.length > 10 && delays.length < 90, `${delays.length} tries in five minutes`);
  for (const [nth, delay] of delays.entries()) assert.ok(delay <= Math.min(30_000, 500 * 2 ** nth));
  assert.ok(new Set(delays).size > 8);
  // What was accepted is still known, and the first answer ends the waiting.
  assert.deepEqual(client.subscriptions.get('cluster')?.versions, new Map([['a', '1']]));
  open.at(-1)?.onMessage({ typeUrl: url('cluster'), nonce: '2' });
  open.at(-1)?.onEnd('reset');
  assert.ok((delays.at(-1) as number) <= 500);
  client.close();
});

test('delta: what was not asked for, names that are there twice and other types are not taken', async () => {
  const h = delta();
  h.take();
  await h.receive({ typeUrl: url('endpoint'), nonce: 'n0', resources: [resource('endpoint', 'a', '1')] });
  assert.deepEqual([h.take(), h.updates], [[], []]);
  const message = async (response: DeltaDiscoveryResponse): Promise<string | undefined> => {
    await h.receive({ typeUrl: url('cluster'), nonce: 'n', ...response });
    return h.take()[0]?.errorDetail?.message;
  };
  const a = resource('cluster', 'a', '1');
  const twice = 'duplicate name a found among added, updated and removed resources';
  assert.equal(await message({ resources: [a, a] }), twice);
  assert.equal(await message({ resources: [a], removedResources: ['a'] }), twice);
  assert.equal(
    await message({ resources: [{ ...a, resource: { typeUrl: url('route'), value: bytes('a') } }] }),
    `a is a ${url('route')} in a response of ${url('cluster')}`,
  );
  assert.deepEqual(h.updates, []);
  assert.equal(await message({ resources: [a] }), undefined);
});

test('state of the world: a response of what is not wanted any more is not answered, and the next request follows it', async () => {
  const h = sotw();
  h.take();
  await h.receive({ typeUrl: url('endpoint'), nonce: 'n0', versionInfo: '1', resources: [] });
  assert.deepEqual(h.take(), []);
  h.client.want('endpoint', new Set(['a']));
  await Promise.resolve();
  h.client.want('endpoint', new Set());
  await Promise.resolve();
  h.take();
  await h.receive({ typeUrl: url('endpoint'), nonce: 'n1', versionInfo: '1', resources: [] });
  assert.deepEqual(h.take(), []);
  h.client.want('endpoint', new Set(['b']));
  await Promise.resolve();
  assert.equal(h.take()[0]?.responseNonce, 'n1');
});
