import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCampaign } from './campaign.ts';
import { same, type FuzzTarget } from './target.ts';
import { fuzzTargets } from './targets.ts';

/** For each parser; `npm run fuzz` goes on for as long as it is let. */
const budgetMs = 400;

for (const target of fuzzTargets()) {
  test(`the parser "${target.name}" stands its corpus and what comes of it`, (t) => {
    const endMs = performance.now() + budgetMs;
    const runs = runCampaign(target, { seed: 20_261_126, goesOn: () => performance.now() < endMs });
    t.diagnostic(`${runs} inputs`);
    assert.ok(runs > target.seeds.length);
  });
}

test('a campaign finds the input that a parser does not stand', () => {
  const fragile: FuzzTarget = {
    name: 'fragile',
    seeds: [Buffer.from('abc')],
    words: ['boom'],
    run: (input) => same(input.includes('boom'), false, 'it went off'),
  };
  assert.throws(() => runCampaign(fragile, { seed: 1, goesOn: (runs) => runs < 10_000 }), /it went off/);
});
