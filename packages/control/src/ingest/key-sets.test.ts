import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { JwtRule } from '@lateen/config';
import { silentLogger, TestClock } from '@lateen/core';
import { put, remove, type Change, type State } from '../engine/state.ts';
import { emptyMesh, keySets, requestAuthentications } from '../model/tables.ts';
import { KeySets } from './key-sets.ts';

async function issuer(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A mesh whose keys are followed, with a way to wait for the next change of them. */
function following(t: TestContext) {
  const clock = new TestClock();
  let state: State = emptyMesh();
  let notify = (): void => {};
  const change = (changes: readonly Change[]): void => {
    state = state.with(changes).state;
  };
  const keys = new KeySets({
    clock,
    logger: silentLogger,
    state: () => state,
    apply(changes) {
      change(changes);
      notify();
    },
  });
  t.after(() => keys.close());
  return {
    clock,
    keyAt: (uri: string) => state.row(keySets, uri)?.jwks,
    ask(...rules: readonly JwtRule[]) {
      const base = { namespace: 'a', name: 'a', createdMs: 0, labels: {}, annotations: {} };
      change([put(requestAuthentications, 'a/a', { ...base, spec: { jwtRules: rules } })]);
      keys.refresh();
    },
    forget() {
      change([remove(requestAuthentications, 'a/a')]);
      keys.refresh();
    },
    changed: () => new Promise<void>((resolve) => void (notify = resolve)),
  };
}

test('keys are fetched where a rule says, fetched again, and forgotten with the rule', async (t) => {
  let answers = 0;
  const uri = await issuer(t, (_request, response) => response.end(`{"keys":[],"n":${++answers}}`));
  const mesh = following(t);
  let changed = mesh.changed();
  mesh.ask({ issuer: 'i', jwksUri: uri });
  await changed;
  assert.equal(mesh.keyAt(uri), '{"keys":[],"n":1}');
  changed = mesh.changed();
  mesh.clock.advance(20 * 60_000);
  await changed;
  assert.equal(mesh.keyAt(uri), '{"keys":[],"n":2}');
  mesh.forget();
  assert.equal(mesh.keyAt(uri), undefined);
});

test('where a rule says nothing, the issuer’s OpenID configuration says where the keys are', async (t) => {
  const uri = await issuer(t, ({ url, socket }, response) => {
    const own = `http://127.0.0.1:${(socket.address() as AddressInfo).port}`;
    response.end(
      url === '/.well-known/openid-configuration' ? `{"jwks_uri":"${own}/keys"}` : '{"keys":[{"kid":"a"}]}',
    );
  });
  const mesh = following(t);
  const changed = mesh.changed();
  mesh.ask({ issuer: `${uri}/` });
  await changed;
  assert.equal(mesh.keyAt(`${uri}/.well-known/openid-configuration`), '{"keys":[{"kid":"a"}]}');
});

test('an issuer may take as long as a rule says, the longest of several', async (t) => {
  const asked = new EventEmitter();
  const uri = await issuer(t, (_request, response) => void asked.emit('asked', response));
  const quick = following(t);
  let next = once(asked, 'asked');
  quick.ask({ issuer: 'i', jwksUri: uri, timeout: '2s' });
  const [given] = (await next) as [ServerResponse];
  const closed = once(given, 'close');
  quick.clock.advance(2_000);
  await closed;
  assert.equal(given.writableFinished, false);

  const patient = following(t);
  next = once(asked, 'asked');
  patient.ask({ issuer: 'i', jwksUri: uri, timeout: '8s' }, { issuer: 'j', jwksUri: uri });
  const [waited] = (await next) as [ServerResponse];
  const changed = patient.changed();
  patient.clock.advance(7_999);
  waited.end('{"keys":[]}');
  await changed;
  assert.equal(patient.keyAt(uri), '{"keys":[]}');
});
