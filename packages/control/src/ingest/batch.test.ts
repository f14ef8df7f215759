import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { put, table, type Change } from '../engine/state.ts';
import { batch } from './batch.ts';

const numbers = table<number>('numbers');

test('a burst is handed on once, when it pauses', () => {
  const clock = new TestClock();
  const got: number[] = [];
  const b = batch({ clock, apply: (changes) => got.push(changes.length), quietMs: 2, longestMs: 20 });
  for (let i = 0; i < 3; i++) {
    b.add([put(numbers, `${i}`, i)]);
    clock.advance(1);
  }
  assert.deepEqual(got, []);
  clock.advance(1);
  assert.deepEqual(got, [3]);
});

test('changes that never pause are handed on after the longest delay', () => {
  const clock = new TestClock();
  const got: (readonly Change[])[] = [];
  const b = batch({ clock, apply: (changes) => got.push(changes), quietMs: 2, longestMs: 10 });
  for (let i = 0; i < 25; i++) {
    b.add([put(numbers, 'n', i)]);
    clock.advance(1);
  }
  assert.equal(got.length, 2);
  assert.equal(got[0]?.length, 10);
});
