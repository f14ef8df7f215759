import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseNode } from './required-node.ts';

test('a program stays with a Node that is new enough', () => {
  assert.deepEqual(
    chooseNode('26.10.0', '/a/dist/x.mjs', () => true),
    { kind: 'this' },
  );
});

test('a Node that is too old is passed over for the nearest one above the program', () => {
  const present = new Set(['/a/node_modules/.bin/node', '/node_modules/.bin/node']);
  const exists = (path: string): boolean => present.has(path);
  const other = { kind: 'other', path: '/a/node_modules/.bin/node' };
  assert.deepEqual(chooseNode('20.19.2', '/a/dist/x.mjs', exists), other);
  assert.deepEqual(chooseNode('20.19.2', '/b/dist/x.mjs', exists), {
    kind: 'other',
    path: '/node_modules/.bin/node',
  });
  assert.deepEqual(
    chooseNode('20.19.2', '/b/dist/x.mjs', () => false),
    { kind: 'none' },
  );
});
