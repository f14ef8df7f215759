import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GraphEdge } from '../../src/documents.ts';
import { labelMiddle, labelPlace } from './edge-label.ts';

function edge(fromVersion: string, to: string, requestsPerSecond: number): GraphEdge {
  const traffic = { requestsPerSecond, errorShare: 0 };
  return { from: 'reviews', fromVersion, to, protocol: 'http', isConfigured: false, traffic };
}

test('words of edges that meet stand where these are apart, whatever idle edges there are besides', () => {
  const busy = [edge('v2', 'unknown', 1), edge('v3', 'unknown', 1)];
  const idle = [edge('v2', 'ratings', 0), edge('v3', 'ratings', 0)];
  for (const one of busy) assert.equal(labelPlace(one, [...busy, ...idle]), 0.26);
  const split = [edge('v2', 'unknown', 1), edge('v2', 'ratings', 1)];
  for (const one of split) assert.equal(labelPlace(one, split), 0.74);
  assert.equal(labelPlace(edge('v2', 'ratings', 1), idle), 0.5);
});

test('words stay between the cards, in the middle where they are longer than there is room', () => {
  assert.equal(labelMiddle(150, 100, 200, 40), 150);
  assert.equal(labelMiddle(110, 100, 200, 40), 120);
  assert.equal(labelMiddle(190, 100, 200, 40), 180);
  assert.equal(labelMiddle(110, 100, 200, 400), 150);
});
