import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock, silentLogger } from '@lateen/core';
import { WorkQueue, type WorkQueueOptions } from './work-queue.ts';

/** Lets everything run that is due in this turn. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function queueOf(work: WorkQueueOptions['work'], more: Partial<WorkQueueOptions> = {}) {
  const clock = new TestClock();
  return { clock, queue: new WorkQueue({ clock, logger: silentLogger, work, ...more }) };
}

test('a key that is added twice before it starts is worked on once', async () => {
  const seen: string[] = [];
  const { queue } = queueOf(async (key) => void seen.push(key));
  queue.add('a');
  queue.add('a');
  queue.add('b');
  await settle();
  assert.deepEqual(seen, ['a', 'b']);
});

test('a key that is added while it runs runs once more, never twice at the same time', async () => {
  const gates: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const { queue } = queueOf(async () => {
    most = Math.max(most, ++running);
    await new Promise<void>((open) => gates.push(open));
    running--;
  });
  queue.add('a');
  await settle();
  queue.add('a');
  queue.add('a');
  await settle();
  assert.equal(gates.length, 1);
  gates[0]?.();
  await settle();
  assert.equal(gates.length, 2);
  gates[1]?.();
  await settle();
  assert.deepEqual([gates.length, most], [2, 1]);
});

test('no more keys run at once than the concurrency allows', async () => {
  const gates: (() => void)[] = [];
  const { queue } = queueOf(() => new Promise<void>((open) => gates.push(open)), { concurrency: 2 });
  for (const key of ['a', 'b', 'c']) queue.add(key);
  await settle();
  assert.equal(gates.length, 2);
  gates[0]?.();
  await settle();
  assert.equal(gates.length, 3);
});

test('a key that fails is tried again with growing delays, and from the first delay after a success', async () => {
  let fails = true;
  let runs = 0;
  const { clock, queue } = queueOf(
    async () => {
      runs++;
      if (fails) throw new Error('not yet');
    },
    { backoff: { baseMs: 10, jitter: 0 } },
  );
  queue.add('a');
  await settle();
  clock.advance(9);
  await settle();
  assert.equal(runs, 1);
  clock.advance(1);
  await settle();
  assert.equal(runs, 2);
  clock.advance(19);
  await settle();
  assert.equal(runs, 2);
  fails = false;
  clock.advance(1);
  await settle();
  assert.equal(runs, 3);
  fails = true;
  queue.add('a');
  await settle();
  clock.advance(10);
  await settle();
  assert.equal(runs, 5);
  assert.equal(clock.pending, 1);
});

test('a key comes back when its work asks for it, and sooner when it is added', async () => {
  let runs = 0;
  const { clock, queue } = queueOf(async () => (runs++ === 0 ? { againMs: 1000 } : undefined));
  queue.add('a');
  await settle();
  clock.advance(1000);
  await settle();
  assert.equal(runs, 2);
  queue.addAfter('a', 50);
  queue.add('a');
  await settle();
  assert.equal(runs, 3);
  clock.advance(50);
  await settle();
  assert.equal(runs, 3);
});

test('nothing starts before the queue is ready', async () => {
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  const { queue } = queueOf(async () => void runs++, { ready: gate.promise });
  queue.add('a');
  await settle();
  assert.equal(runs, 0);
  gate.resolve();
  await settle();
  assert.equal(runs, 1);
});

test('closing waits for what runs and starts nothing more', async () => {
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  const { queue } = queueOf(
    async () => {
      runs++;
      await gate.promise;
    },
    { concurrency: 1 },
  );
  queue.add('a');
  queue.add('b');
  await settle();
  const closing = queue.close();
  let closed = false;
  void closing.then(() => (closed = true));
  await settle();
  assert.equal(closed, false);
  gate.resolve();
  await closing;
  assert.equal(runs, 1);
});
