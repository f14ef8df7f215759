import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { cases: /timeout-alt-response/, why: 'x-envoy-upstream-rq-timeout-alt-response is not read' },
  { cases: /^headers that steer$/, why: 'addresses of the loopback are inside by default' },
];
