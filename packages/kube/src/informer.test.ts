import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { TestClock, silentLogger } from '@lateen/core';
import type { KubeClient, ListResult, Selection, WatchEvent } from './client.ts';
import { informer, type Informer } from './informer.ts';
import type { KubeObject } from './object.ts';
import { resources } from './resources.ts';
import { KubeStatusError } from './status-error.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function pod(name: string, revision: number, uid = name): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid, resourceVersion: String(revision) },
  };
}

function failure(reason: string, code: number): KubeStatusError {
  return new KubeStatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    reason,
    code,
  });
}

/** The two calls an informer makes, answered by the test step by step. */
class Script {
  readonly lists: ((answer: ListResult<KubeObject> | Error) => void)[] = [];
  readonly watches: {
    readonly from: string;
    readonly send: (event: WatchEvent<KubeObject>) => void;
    readonly end: (error?: Error) => void;
  }[] = [];

  readonly client = {
    list: () =>
      new Promise((resolve, reject) => {
        this.lists.push((answer) => (answer instanceof Error ? reject(answer) : resolve(answer)));
      }),
    watch: (
      _resource: unknown,
      selection: Selection & { resourceVersion: string },
      onEvent: (event: WatchEvent<KubeObject>) => void,
      signal: AbortSignal,
    ) =>
      new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => resolve());
        this.watches.push({
          from: selection.resourceVersion,
          send: onEvent,
          end: (error) => (error === undefined ? resolve() : reject(error)),
        });
      }),
  } as unknown as KubeClient;
}

let following: Informer<KubeObject> | undefined;
afterEach(() => following?.close());

function follow(script: Script) {
  const clock = new TestClock();
  const log: string[] = [];
  const made = informer({
    client: script.client,
    resource: resources.pods,
    clock,
    logger: silentLogger,
    indexes: { uid: (object) => [object.metadata.uid ?? ''] },
    onChange: ({ type, object }) =>
      log.push(`${type} ${object.metadata.name}@${object.metadata.resourceVersion}`),
  });
  following = made;
  return { clock, log, informer: made };
}

test('it delivers the list, then what the watch says, and goes on from the last revision it saw', async () => {
  const script = new Script();
  const { clock, log, informer: pods } = follow(script);
  script.lists[0]?.({ items: [pod('a', 1), pod('b', 2)], resourceVersion: '5' });
  await pods.synced;
  assert.deepEqual(log, ['added a@1', 'added b@2']);
  await settle();
  const watch = script.watches[0];
  assert.equal(watch?.from, '5');
  watch?.send({ type: 'MODIFIED', object: pod('a', 6) });
  watch?.send({ type: 'DELETED', object: pod('b', 7) });
  watch?.send({ type: 'BOOKMARK', object: { ...pod('', 9) } });
  watch?.end();
  await settle();
  assert.deepEqual(log.slice(2), ['changed a@6', 'deleted b@7']);
  assert.equal(script.watches[1]?.from, '9');
  assert.equal(script.lists.length, 1);
  assert.equal(clock.pending, 0);
  assert.deepEqual(
    pods.list('default').map(({ metadata }) => metadata.name),
    ['a'],
  );
});

test('after an expired watch it lists again and tells only the true differences', async () => {
  const script = new Script();
  const { clock, log, informer: pods } = follow(script);
  script.lists[0]?.({
    items: [pod('same', 1), pod('old', 2), pod('gone', 3), pod('reborn', 4, 'u1')],
    resourceVersion: '5',
  });
  await pods.synced;
  await settle();
  log.length = 0;
  script.watches[0]?.end(failure('Expired', 410));
  await settle();
  clock.advance(1000);
  await settle();
  script.lists[1]?.({
    items: [pod('same', 1), pod('old', 8), pod('new', 9), pod('reborn', 10, 'u2')],
    resourceVersion: '10',
  });
  await settle();
  assert.deepEqual(log, [
    'deleted gone@3',
    'changed old@8',
    'added new@9',
    'deleted reborn@4',
    'added reborn@10',
  ]);
  assert.equal(pods.byIndex('uid', 'u1').length, 0);
  assert.equal(pods.byIndex('uid', 'u2').length, 1);
});

test('a watch that ends at once again and again waits longer each time', async () => {
  const script = new Script();
  const { clock, informer: pods } = follow(script);
  script.lists[0]?.({ items: [], resourceVersion: '1' });
  await pods.synced;
  await settle();
  script.watches[0]?.end();
  await settle();
  assert.equal(script.watches.length, 1);
  clock.advance(20);
  await settle();
  assert.equal(script.watches.length, 2);
  for (let i = 1; i < 6; i++) {
    script.watches[i]?.end(new Error('reset'));
    await settle();
    clock.advance(20 * 2 ** i);
    await settle();
  }
  assert.equal(script.watches.length, 7);
  script.watches[6]?.end(new Error('reset'));
  await settle();
  clock.advance(300);
  await settle();
  assert.equal(script.watches.length, 7);
});

test('a resource that the server does not know counts as empty and is found when it comes', async () => {
  const script = new Script();
  const { clock, log, informer: pods } = follow(script);
  script.lists[0]?.(failure('NotFound', 404));
  await pods.synced;
  assert.equal(pods.hasSynced, true);
  clock.advance(100);
  await settle();
  script.lists[1]?.(failure('NotFound', 404));
  await settle();
  pods.retryNow();
  await settle();
  script.lists[2]?.({ items: [pod('a', 1)], resourceVersion: '1' });
  await settle();
  assert.deepEqual(log, ['added a@1']);
});

test('a subscriber that throws harms neither the others nor the watch', async () => {
  const script = new Script();
  const { informer: pods } = follow(script);
  const seen: string[] = [];
  pods.subscribe(() => {
    throw new Error('a bug');
  });
  pods.subscribe(({ object }) => seen.push(object.metadata.name));
  script.lists[0]?.({ items: [pod('a', 1)], resourceVersion: '1' });
  await pods.synced;
  await settle();
  script.watches[0]?.send({ type: 'ADDED', object: pod('b', 2) });
  assert.deepEqual(seen, ['a', 'b']);
});

test('who subscribes late is told what is there, and who subscribes within a change is told once', async () => {
  const script = new Script();
  const { informer: pods } = follow(script);
  script.lists[0]?.({ items: [pod('a', 1)], resourceVersion: '1' });
  await pods.synced;
  await settle();
  const late: string[] = [];
  let subscribed = false;
  pods.subscribe(() => {
    if (subscribed) return;
    subscribed = true;
    pods.subscribe(({ type, object }) => late.push(`${type} ${object.metadata.name}`));
  });
  assert.deepEqual(late, ['added a']);
  const end = pods.subscribe(({ object }) => late.push(`x ${object.metadata.name}`));
  end();
  script.watches[0]?.send({ type: 'ADDED', object: pod('b', 2) });
  assert.deepEqual(late, ['added a', 'x a', 'added b']);
});
