import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestIds } from './request-id.ts';

test('request ids are UUIDs of version 4, each another one', () => {
  const ids = new RequestIds();
  const seen = new Set<string>();
  for (let i = 0; i < 1_000; i++) {
    const id = ids.next();
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    seen.add(id);
  }
  assert.equal(seen.size, 1_000);
});
