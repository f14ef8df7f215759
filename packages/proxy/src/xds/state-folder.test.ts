import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { TestClock, silentLogger, type Logger } from '@lateen/core';
import fc from 'fast-check';
import { resourceTypeFacts } from './resource-type.ts';
import { stateFolder, type StateFolderOptions } from './state-folder.ts';

const { typeUrl } = resourceTypeFacts.cluster;

function folder(t: TestContext, nodeId = 'me', warnings: string[] = []) {
  const path = join(mkdtempSync(join(tmpdir(), 'lateen-state-')), 'below', 'it');
  t.after(() => rmSync(join(path, '..', '..'), { recursive: true }));
  const resources = [{ name: 'a', version: '1', typeUrl, bytes: new Uint8Array([1, 2, 3]) }];
  const log: Logger = {
    ...silentLogger,
    warn: (_, fields) => void warnings.push(String(fields?.['reason'])),
  };
  const clock = new TestClock();
  const make = (id: string, suffix: StateFolderOptions['suffix'] = 'state') =>
    stateFolder({
      path,
      suffix,
      nodeId: id,
      clock,
      log,
      current: () => ({ version: 'v', resources }),
    });
  return { path, clock, make, state: make(nodeId), resources, warnings };
}

test('what is noted is written once a while later, for its owner only, and read again', async (t) => {
  const { path, clock, state, make, resources } = folder(t);
  assert.deepEqual(state.read(), []);
  state.note('cluster');
  state.note('cluster');
  assert.equal(clock.pending, 1);
  clock.advance(2_000);
  await state.close();
  assert.deepEqual(readdirSync(path), ['cluster.state']);
  assert.equal(statSync(join(path, 'cluster.state')).mode & 0o777, 0o600);
  assert.equal(statSync(path).mode & 0o777, 0o700);
  assert.deepEqual(make('me').read(), [{ type: 'cluster', version: 'v', resources }]);
});

test('a kind of which no resource holds a key any more has no file of them', async (t) => {
  const { path, make, resources } = folder(t);
  const keys = make('me', 'keys');
  keys.note('cluster');
  await keys.close();
  assert.deepEqual(readdirSync(path), ['cluster.keys']);
  resources.length = 0;
  keys.note('cluster');
  await keys.close();
  assert.deepEqual(readdirSync(path), []);
});

test('many resources are written in pieces, and are the same again', async (t) => {
  const { state, make, resources } = folder(t);
  for (let i = 0; i < 60; i++)
    resources.push({ name: `r${i}`, version: String(i), typeUrl, bytes: new Uint8Array(5_000).fill(i) });
  state.note('cluster');
  await state.close();
  assert.deepEqual(make('me').read(), [{ type: 'cluster', version: 'v', resources }]);
});

test('a file that was cut off, changed in any byte, or is of another node is passed over with a line in the log', async (t) => {
  const { path, state, make, warnings } = folder(t);
  const file = join(path, 'cluster.state');
  state.note('cluster');
  await state.close();
  const good = readFileSync(file);
  assert.deepEqual(make('another').read(), []);
  assert.deepEqual(warnings.splice(0), ['it is not whole, or of another node']);
  // It does not come again.
  assert.deepEqual(readdirSync(path), []);
  fc.assert(
    fc.property(
      fc.nat(good.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      (at, change, cut) => {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] as number) ^ change;
        writeFileSync(file, cut ? good : bad);
        if (cut) truncateSync(file, at);
        assert.deepEqual(make('me').read(), []);
      },
    ),
  );
  assert.ok(warnings.length > 0);
});

test('what stands in the place of a file and cannot be removed stops nothing, and no part of a file is left', async (t) => {
  const { path, state, make, warnings } = folder(t);
  mkdirSync(join(path, 'cluster.state', 'inner'), { recursive: true });
  assert.deepEqual(make('me').read(), []);
  assert.equal(warnings.length, 2);
  state.note('cluster');
  await state.close();
  assert.equal(warnings.length, 3);
  assert.deepEqual(readdirSync(path), ['cluster.state']);
});

test('a folder that cannot be written is said once and stops nothing', async (t) => {
  const { path, warnings } = folder(t);
  const state = stateFolder({
    path: '/dev/null/state',
    suffix: 'state',
    nodeId: '',
    clock: new TestClock(),
    log: { ...silentLogger, warn: (text) => void warnings.push(text) },
    current: () => ({
      version: '',
      resources: [{ name: 'a', version: '1', typeUrl, bytes: new Uint8Array() }],
    }),
  });
  state.note('cluster');
  state.note('listener');
  await state.close();
  assert.deepEqual(warnings, ['resources are not kept']);
  assert.ok(path.length > 0);
});
