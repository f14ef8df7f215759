import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clusterFromJson,
  filterTypes,
  listenerFromJson,
  routerJson,
  routesJson,
  serveEnvoy,
} from '../testing/envoy-config.ts';
import { ask, statOf, upstream, type Closers } from '../testing/harness.ts';
import { joinValues } from './set-metadata.ts';

const config = (more: object): object => ({
  name: 'set',
  typed_config: { '@type': `${filterTypes}.set_metadata.v3.Config`, ...more },
});

/** What an endpoint sees of the metadata, in a header. */
async function start(t: Closers, filters: readonly object[]) {
  const { port: up } = await upstream(t, (request, response) =>
    response.end(String(request.headers['x-seen'])),
  );
  const route = {
    match: { prefix: '/' },
    route: { cluster: 'up' },
    request_headers_to_add: [{ header: { key: 'x-seen', value: '%DYNAMIC_METADATA(ns)%' } }],
  };
  const { port, dataPlane } = await serveEnvoy(
    t,
    { route_config: routesJson([route]), http_filters: [...filters, routerJson] },
    [clusterFromJson('up', [up])],
  );
  const seen = async (): Promise<unknown> => JSON.parse((await ask(port)).body);
  return { seen, denied: () => statOf(dataPlane, 'http.http.set_metadata.overwrite_denied') };
}

test('what is set can be told to endpoints; the same namespace is only changed where that is allowed', async (t) => {
  const first = { metadata_namespace: 'ns', value: { a: 1, deep: { x: 'old' }, list: [1] } };
  const more = { metadata_namespace: 'ns', value: { a: 2, deep: { y: 'new' }, list: [2] } };
  const kept = await start(t, [config({ metadata: [first, more] })]);
  assert.deepEqual(await kept.seen(), first.value);
  assert.equal(kept.denied(), 1);
  const joined = await start(t, [config({ metadata: [first, { ...more, allow_overwrite: true }] })]);
  assert.deepEqual(await joined.seen(), { a: 2, deep: { x: 'old', y: 'new' }, list: [1, 2] });
  assert.equal(joined.denied(), 0);
});

test('the older fields are understood', async (t) => {
  const { seen } = await start(t, [config({ metadata_namespace: 'ns', value: { b: true } })]);
  assert.deepEqual(await seen(), { b: true });
});

test('metadata needs a namespace', () => {
  const filter = config({ metadata: [{ value: {} }] });
  assert.throws(() => listenerFromJson({ http_filters: [filter, routerJson] }), /metadata\[0\]/);
});

test('what is of another kind is replaced', () => {
  assert.deepEqual(joinValues({ a: [1], b: {}, c: 1 }, { a: 1, b: [2], c: { d: null } }), {
    a: 1,
    b: [2],
    c: { d: null },
  });
});
