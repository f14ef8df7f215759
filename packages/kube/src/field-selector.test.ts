import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesFields, parseFieldSelector } from './field-selector.ts';

function selects(text: string, object: unknown): boolean {
  const parsed = parseFieldSelector(text);
  assert.ok(parsed.ok, text);
  return matchesFields(object, parsed.value);
}

test('fields are compared as text, and an absent field is the empty text', () => {
  const pod = { metadata: { name: 'web' }, spec: { hostNetwork: false }, status: { phase: 'Running' } };
  assert.equal(selects('metadata.name=web,status.phase!=Pending', pod), true);
  assert.equal(selects('status.phase==Pending', pod), false);
  assert.equal(selects('spec.nodeName=', pod), true);
  assert.equal(selects('spec.nodeName!=', pod), false);
  assert.equal(selects('spec.hostNetwork=false', pod), true);
});

test('escaped commas belong to the value', () => {
  assert.equal(selects('metadata.name=a\\,b', { metadata: { name: 'a,b' } }), true);
});

test('a condition without an operator is refused', () => {
  assert.equal(parseFieldSelector('metadata.name').ok, false);
});
