import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { cases: /twice$/, of: /^log\.[12]\./, why: 'lines of pipelined requests in another order' },
];
