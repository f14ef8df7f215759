import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestClock } from '@lateen/core';
import { giveMemoryBack, ownMemory, type ProcessMemory } from './collect-garbage.ts';

const mb = 1024 * 1024;

function started() {
  const clock = new TestClock();
  const memory = {
    used: 30 * mb,
    anonymous: 40 * mb,
    cpu: 400,
    collected: [] as Parameters<ProcessMemory['collect']>[0][],
    trims: 0,
    usedBytes: () => memory.used,
    anonymousBytes: () => memory.anonymous,
    cpuMs: () => memory.cpu,
    /** Pages of the heap that a collection leaves which leaves shapes. */
    pages: 0,
    collect(what: 'all' | 'objects') {
      memory.collected.push(what);
      memory.used = 10 * mb;
      if (what === 'all') memory.pages = 0;
    },
    trim() {
      memory.trims++;
      memory.anonymous = 20 * mb + memory.pages;
    },
  };
  const clients = { active: 0, taken: 0 };
  const looking = giveMemoryBack(clock, { clientConnections: clients }, memory);
  return { clock, memory, clients, looking };
}

test('what the start has left is collected once', () => {
  const { clock, memory } = started();
  clock.advance(2_000);
  assert.deepEqual(memory.collected, ['all']);
  clock.advance(60_000);
  assert.deepEqual(memory.collected, ['all']);
});

/** Is busy until after the first look, with so much CPU, then at rest. */
function busyAtFirst(cpuMs: number, pages = 0): ReturnType<typeof started>['memory'] {
  const { clock, memory } = started();
  memory.pages = pages;
  clock.advance(1_000);
  memory.cpu += 100;
  clock.advance(1_000);
  assert.deepEqual(memory.collected, []);
  memory.cpu += cpuMs;
  clock.advance(5_000);
  assert.deepEqual(memory.collected, []);
  memory.cpu += 10;
  clock.advance(5_000);
  return memory;
}

test('what the start has left waits while there is traffic, and leaves what was compiled for it', () => {
  assert.deepEqual(busyAtFirst(2_000).collected, ['objects']);
});

test('where traffic that came with the start has left much, shapes are forgotten too', () => {
  assert.deepEqual(busyAtFirst(2_000, 16 * mb).collected, ['objects', 'all']);
});

test('objects that a traffic has left alive count as memory that is there, once', () => {
  const { clock, memory } = started();
  clock.advance(2_000);
  memory.collect = (what) => {
    memory.collected.push(what);
    memory.used = 30 * mb;
  };
  memory.pages = 20 * mb;
  memory.used = 40 * mb;
  clock.advance(5_000);
  assert.deepEqual(memory.collected, ['all', 'objects', 'all']);
  memory.cpu += 1_000;
  clock.advance(60_000);
  assert.equal(memory.collected.length, 3);
});

test('a start that takes long because others start too is collected like a short one', () => {
  assert.deepEqual(busyAtFirst(200).collected, ['all']);
});

test('what traffic has left is collected when the proxy has come to rest, not before', () => {
  const { clock, memory, looking } = started();
  clock.advance(2_000);
  memory.used = 50 * mb;
  memory.cpu += 1_000;
  clock.advance(5_000);
  assert.deepEqual(memory.collected, ['all']);
  memory.cpu += 10;
  clock.advance(5_000);
  assert.deepEqual(memory.collected, ['all', 'objects']);
  memory.used = 12 * mb;
  clock.advance(5_000);
  assert.deepEqual(memory.collected, ['all', 'objects']);
  memory.used = 50 * mb;
  looking.cancel();
  clock.advance(5_000);
  assert.deepEqual(memory.collected, ['all', 'objects']);
});

test('shapes are forgotten too where much memory would stay otherwise, and not again where it is needed', () => {
  const { clock, memory, clients } = started();
  clock.advance(2_000);
  clients.active++;
  memory.used = 50 * mb;
  memory.pages = 15 * mb;
  clock.advance(5_000);
  assert.deepEqual(memory.collected, ['all', 'objects']);
  memory.used = 50 * mb;
  memory.pages = 16 * mb;
  clock.advance(5_000);
  assert.deepEqual(memory.collected, ['all', 'objects', 'objects', 'all']);
  assert.equal(memory.anonymous, 20 * mb);
  clock.advance(60_000);
  assert.equal(memory.collected.length, 4);
});

test('a heap that has not grown is collected after traffic where much memory is there, once', () => {
  const { clock, memory } = started();
  clock.advance(2_000);
  memory.anonymous = 36 * mb;
  memory.pages = 16 * mb;
  clock.advance(5_000);
  assert.deepEqual(memory.collected, ['all']);
  memory.cpu += 1_000;
  clock.advance(5_000);
  assert.deepEqual(memory.collected, ['all']);
  clock.advance(5_000);
  assert.deepEqual(memory.collected, ['all', 'objects', 'all']);
  memory.pages = 15 * mb;
  memory.cpu += 1_000;
  clock.advance(60_000);
  assert.equal(memory.collected.length, 3);
});

test('what pushes have left of a proxy that nobody uses is collected whole, however little it is', () => {
  const { clock, memory, clients } = started();
  clock.advance(2_000);
  memory.used = 11 * mb;
  memory.anonymous = 22 * mb;
  clients.taken++;
  clock.advance(15_000);
  assert.deepEqual(memory.collected, ['all']);
  clients.active++;
  clock.advance(60_000);
  assert.deepEqual(memory.collected, ['all']);
  clients.active--;
  clock.advance(10_000);
  assert.deepEqual(memory.collected, ['all']);
  clock.advance(5_000);
  assert.deepEqual(memory.collected, ['all', 'all']);
  memory.anonymous = 22 * mb - 1;
  clock.advance(60_000);
  assert.deepEqual(memory.collected, ['all', 'all']);
});

test('what traffic has left is collected whole when nobody uses the proxy any more', () => {
  const { clock, memory, clients } = started();
  clock.advance(2_000);
  clients.taken++;
  memory.used = 50 * mb;
  memory.pages = 15 * mb;
  clock.advance(5_000);
  assert.deepEqual(memory.collected, ['all', 'objects']);
  clock.advance(10_000);
  assert.deepEqual(memory.collected, ['all', 'objects']);
  clock.advance(5_000);
  assert.deepEqual(memory.collected, ['all', 'objects', 'all']);
  clock.advance(60_000);
  assert.equal(memory.collected.length, 3);
});

test('what is free outside of the heap is given back also under traffic, where it is worthwhile', () => {
  const { clock, memory } = started();
  clock.advance(2_000);
  assert.equal(memory.trims, 1);
  memory.cpu += 1_000;
  memory.anonymous = 23 * mb;
  clock.advance(1_000);
  assert.equal(memory.trims, 1);
  memory.cpu += 1_000;
  memory.anonymous = 24 * mb;
  clock.advance(1_000);
  assert.equal(memory.trims, 2);
  assert.deepEqual(memory.collected, ['all']);
});

test('this process can give memory back', () => {
  const memory = ownMemory();
  memory.trim();
  memory.collect('all');
  memory.collect('objects');
  assert.ok(memory.usedBytes() > 0);
  assert.ok(memory.anonymousBytes() > 0);
});

test('a process that is out of descriptors is looked at again when it has some', () => {
  const { clock, memory } = started();
  clock.advance(2_000);
  const { trims } = memory;
  let descriptors = false;
  memory.anonymousBytes = () => {
    if (descriptors) return memory.anonymous;
    throw Object.assign(new Error('too many open files'), { code: 'EMFILE' });
  };
  memory.anonymous += 30 * mb;
  clock.advance(5_000);
  assert.equal(memory.trims, trims);
  descriptors = true;
  clock.advance(5_000);
  assert.ok(memory.trims > trims);
});
