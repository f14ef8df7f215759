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
  const unused: string[] = [];
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
    onUnused: (why) => void unused.push(why),
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
  assert.deepEqual(unused, ['failed', 'failed']);
  assert.deepEqual(said, ['file of resources refused', 'file of resources could not be taken']);
  assert.deepEqual(taken, [
    [['first'], []],
    [['second'], ['first']],
  ]);
});

test('what a file does not hold any more of what is asked for by name stays, and is counted as refused', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'lateen-file-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'rds.json');
  const hold = (name: string, more: object = {}): void => {
    const route = { '@type': 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration', name };
    writeFileSync(
      join(dir, 'next'),
      JSON.stringify({ version_info: name, resources: [{ ...route, ...more }] }),
    );
    renameSync(join(dir, 'next'), path);
  };
  const taken: (readonly [changed: readonly string[], removed: readonly string[]])[] = [];
  const unused: (readonly [why: string, names: readonly string[]])[] = [];
  hold('a');
  const subscription = watchFile({
    path,
    type: 'route',
    sink: {
      update({ changed, removed }) {
        taken.push([changed.map(({ name }) => name), removed]);
        return Promise.resolve([]);
      },
    },
    onUnused: (why, names) => void unused.push([why, [...names]]),
    clock: systemClock,
    log: silentLogger,
  });
  t.after(() => subscription.close());
  subscription.want(new Set(['a']));
  await until(() => taken.length === 1);
  hold('b');
  await until(() => unused.length === 1);
  hold('a', { nonsense: true });
  await until(() => unused.length === 2);
  hold('a');
  await until(() => taken.length === 2);
  assert.deepEqual(taken, [
    [['a'], []],
    [['a'], []],
  ]);
  assert.deepEqual(unused, [
    ['refused', ['a']],
    ['refused', ['a']],
  ]);
});
