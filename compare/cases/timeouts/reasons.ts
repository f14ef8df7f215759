import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  {
    cases: /^the longest time|^an idle connection|^an answer that (?:does not come|stalls)|^nothing comes/,
    why: 'closed at once when it is idle, where Envoy drains for drain_timeout first',
  },
];
