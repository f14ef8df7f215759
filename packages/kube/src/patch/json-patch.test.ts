import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { jsonPatch } from './json-patch.ts';
import { mergePatch } from './merge-patch.ts';
import { cloneJson, isJsonObject, sameJson, type JsonObject } from './json-value.ts';

function patched(target: unknown, ...operations: object[]): unknown {
  const result = jsonPatch(target, operations);
  assert.ok(result.ok, JSON.stringify(result));
  return result.value;
}

function refused(target: unknown, ...operations: object[]): string {
  const result = jsonPatch(target, operations);
  assert.ok(!result.ok);
  return result.problems[0]?.message ?? '';
}

test('the examples of RFC 6902 come out as it says', () => {
  assert.deepEqual(patched({ foo: 'bar' }, { op: 'add', path: '/baz', value: 'qux' }), {
    baz: 'qux',
    foo: 'bar',
  });
  assert.deepEqual(patched({ foo: ['bar', 'baz'] }, { op: 'add', path: '/foo/1', value: 'qux' }), {
    foo: ['bar', 'qux', 'baz'],
  });
  assert.deepEqual(patched({ foo: ['bar'] }, { op: 'add', path: '/foo/-', value: ['abc'] }), {
    foo: ['bar', ['abc']],
  });
  assert.deepEqual(patched({ foo: ['a', 'b', 'c'] }, { op: 'remove', path: '/foo/1' }), { foo: ['a', 'c'] });
  assert.deepEqual(patched({ a: { b: 1 }, c: {} }, { op: 'move', from: '/a/b', path: '/c/d' }), {
    a: {},
    c: { d: 1 },
  });
  assert.deepEqual(patched({ a: [1, 2] }, { op: 'copy', from: '/a', path: '/b' }), { a: [1, 2], b: [1, 2] });
  assert.deepEqual(patched({ '/': 9, '~1': 10 }, { op: 'test', path: '/~01', value: 10 }), {
    '/': 9,
    '~1': 10,
  });
  assert.deepEqual(patched({ a: { b: 1 } }, { op: 'test', path: '/a', value: { b: 1 } }), { a: { b: 1 } });
});

test('what does not exist, is out of range or fails a test refuses the whole patch', () => {
  assert.match(refused({ a: 1 }, { op: 'remove', path: '/b' }), /does not exist/);
  assert.match(refused({ a: 1 }, { op: 'replace', path: '/b', value: 1 }), /does not exist/);
  assert.match(refused({}, { op: 'add', path: '/a/b', value: 1 }), /does not exist/);
  assert.match(refused({ a: [1] }, { op: 'add', path: '/a/2', value: 1 }), /not an index/);
  assert.match(refused({ a: [1] }, { op: 'add', path: '/a/01', value: 1 }), /not an index/);
  assert.match(refused({ a: 1 }, { op: 'test', path: '/a', value: '1' }), /testing value \/a failed/);
  assert.match(refused({ a: { b: 1 } }, { op: 'move', from: '/a', path: '/a/b' }), /cannot move into itself/);
  assert.match(refused({}, { op: 'invent', path: '/a' }), /unknown operation "invent"/);
  const target = { a: 1 };
  refused(target, { op: 'add', path: '/b', value: 1 }, { op: 'test', path: '/a', value: 2 });
  assert.deepEqual(target, { a: 1 });
});

test('names of JavaScript\u2019s own are names like any other', () => {
  const before = JSON.parse('{"a":{}}') as unknown;
  const result = patched(before, { op: 'add', path: '/__proto__', value: { polluted: true } });
  assert.equal(({} as JsonObject)['polluted'], undefined);
  assert.ok(Object.hasOwn(result as object, '__proto__'));
  assert.match(refused({}, { op: 'remove', path: '/constructor' }), /does not exist/);
  const merged = mergePatch({}, JSON.parse('{"__proto__":{"polluted":true}}'));
  assert.equal((merged as JsonObject)['polluted'], undefined);
});

const json = fc.jsonValue({ maxDepth: 3 });
const object = fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), json, { maxKeys: 4 });

test('adding at a fresh name and removing it again gives back what was there', () => {
  fc.assert(
    fc.property(object, json, (target, value) => {
      const there = patched(target, { op: 'add', path: '/new~1name', value });
      assert.ok(sameJson(patched(there, { op: 'remove', path: '/new~1name' }), target));
    }),
  );
});

test('a merge patch applied twice is the same as once, and never leaves a null that it set', () => {
  fc.assert(
    fc.property(object, object, (target, patch) => {
      const before = cloneJson(target);
      const once = mergePatch(target, patch);
      assert.ok(sameJson(mergePatch(once, patch), once));
      assert.ok(sameJson(target, before));
      for (const [name, value] of Object.entries(patch)) {
        if (value === null) assert.ok(isJsonObject(once) && !(name in once));
      }
    }),
  );
});
