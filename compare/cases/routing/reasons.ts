import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { of: /^stat\.http\.async-client\./, why: 'copies count in their cluster alone' },
  { of: /^log\.1\.path$/, cases: /^\/(?:prefix|regex)/, why: 'the log has what was asked for' },
  { cases: /^internal header/, why: 'of the mesh: it says nothing of where it comes from' },
];
