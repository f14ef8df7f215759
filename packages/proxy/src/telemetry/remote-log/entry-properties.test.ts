import assert from 'node:assert/strict';
import { test } from 'node:test';
import { flag } from '../response-flags.ts';
import { responseFlags } from './entry-properties.ts';

test('services are told of every flag that their message has a field for', () => {
  const untold = Object.entries(flag)
    .filter(([, bit]) => Object.keys(responseFlags(bit)).length !== 1)
    .map(([name]) => name);
  assert.deepEqual(untold, ['dropOverload']);
});
