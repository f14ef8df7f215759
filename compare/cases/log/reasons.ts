import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { of: /header_bytes_sent|wire_bytes_sent/, why: 'heads are written otherwise' },
  { cases: /cannot be read$/, of: /:scheme_$/, why: 'every request has one' },
];
