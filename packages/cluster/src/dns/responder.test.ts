import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '@lateen/core';
import packet from 'dns-packet';
import fc from 'fast-check';
import { ClusterZone } from './cluster-zone.ts';
import { Responder } from './responder.ts';

const zone = new ClusterZone({
  domain: 'cluster.local',
  source: {
    service: () => undefined,
    services: () => [],
    slices: () => [],
    allSlices: () => [],
    hasNamespace: () => true,
  },
});
const responder = new Responder({ zone, logger: silentLogger });

const good = packet.encode({
  type: 'query',
  id: 7,
  questions: [{ name: 'web.default.svc.cluster.local', type: 'A' }],
});

test('whatever bytes come, an answer of a size that fits, or none, goes out', async () => {
  const mutated = fc
    .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 })
    .map((changes) => {
      const bytes = Buffer.from(good);
      for (const [at, value] of changes) bytes[at] = value;
      return bytes;
    });
  const anything = fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes));
  await fc.assert(
    fc.asyncProperty(fc.oneof(mutated, anything), async (bytes) => {
      const answer = await responder.respond(bytes, 'udp');
      if (answer === undefined) return;
      assert.ok(answer.length >= 12 && answer.length <= 4096);
      assert.equal(answer.readUInt16BE(0), bytes.readUInt16BE(0));
    }),
    { numRuns: 2000 },
  );
});

test('an answer is never answered, so that two servers cannot talk to each other for ever', async () => {
  const answer = packet.encode({ type: 'response', id: 1, questions: [{ name: 'a', type: 'A' }] });
  assert.equal(await responder.respond(answer, 'udp'), undefined);
});
