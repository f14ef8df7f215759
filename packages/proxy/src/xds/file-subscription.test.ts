import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger, systemClock } from '@lateen/core';
import { until } from '../testing/harness.ts';
import { watchFile } from './file-subscription.ts';
import type { ResourceSink } from './subscription.ts';

const clusters = (version: string): string =>
  JSON.stringify({
    version_info: version,
    resources: [{ '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster', name: version }],
  });

test('a file goes on to be read after readings that fail, whatever the fault', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lateen-file-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'cds.json');
  const replace = (text: string): void => {
    writeFileSync(join(dir, 'next'), text);
    renameSync(join(dir, 'next'), path);
  };
  const taken: (readonly [changed: readonly string[], removed: readonly string[]])[] = [];
  const said: string[] = [];
  const sink: ResourceSink = {
    update({ version, changed, removed }) {
      if (version === 'faulty') return Promise.reject(new Error('a bug'));
      taken.push([changed.map(({ name }) => name), removed]);
      return Promise.resolve([]);
    },
  };
  const note = (message: string): void => void said.push(message);
  const subscription = watchFile({
    path,
    type: 'cluster',
    sink,
    clock: systemClock,
    log: { ...silentLogger, warn: note, error: note },
  });
  t.after(() => subscription.close());
  await subscription.settled();
  assert.deepEqual(said.splice(0), ['file of resources cannot be read']);
  replace(clusters('first'));
  await until(() => taken.length === 1);
  replace('{ not: [a response');
  await until(() => said.length === 1);
  replace(clusters('faulty'));
  await until(() => said.length === 2);
  replace(clusters('second'));
  await until(() => taken.length === 2);
  assert.deepEqual(said, ['file of resources refused', 'file of resources could not be taken']);
  assert.deepEqual(taken, [
    [['first'], []],
    [['second'], ['first']],
  ]);
});
