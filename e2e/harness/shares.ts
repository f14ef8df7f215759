import assert from 'node:assert/strict';

/** How often each outcome came. */
export function countOutcomes<T extends string>(outcomes: readonly T[]): Map<T, number> {
  const counts = new Map<T, number>();
  for (const outcome of outcomes) counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  return counts;
}

/**
 * Asserts that outcomes come with the shares expected, and no others come at all.
 *
 * The bound is four standard deviations of the binomial distribution: a right implementation
 * fails about once in 16,000 times, and with 200 draws one that is off by 15 points fails
 * nearly always.
 */
export function assertShares(outcomes: readonly string[], expected: Readonly<Record<string, number>>): void {
  const counts = countOutcomes(outcomes);
  const total = outcomes.length;
  const seen = JSON.stringify(Object.fromEntries(counts));
  for (const outcome of counts.keys()) {
    assert.ok((expected[outcome] ?? 0) > 0, `${outcome} was not expected at all: ${seen}`);
  }
  for (const [outcome, share] of Object.entries(expected)) {
    const count = counts.get(outcome) ?? 0;
    const bound = 4 * Math.sqrt(total * share * (1 - share));
    const off = Math.abs(count - total * share);
    assert.ok(
      off <= bound,
      `${outcome} came ${count} times of ${total}, expected ${total * share} ± ${bound.toFixed(0)}: ${seen}`,
    );
  }
}
