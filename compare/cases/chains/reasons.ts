import type { Reason } from '../../case.ts';

const raw = 'what is no ClientHello is no TLS';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  {
    of: /^log\.1\.failure$/,
    when: (envoy, lateen) => envoy?.startsWith('TLS_error') === true && lateen === '-',
    why: 'what is no TLS has not failed',
  },
  {
    cases: /^half, and resets$/,
    of: /^stat\.listener\..*_pre_cx_active$|^log\.1\./,
    why: 'an end is seen at once',
  },
  { cases: /^SSL 3$/, why: 'versions are for the chain to refuse' },
  { cases: /^an alert$|^SSL 2$/, why: raw },
  { cases: /20 KB$/, why: 'greetings of up to 64 KiB are read' },
];
