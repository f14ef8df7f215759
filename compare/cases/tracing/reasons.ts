import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { of: /^stat\.http\.async-client\./, why: 'not kept' },
  {
    of: /^collector\.header\.(?:content-length|transfer-encoding|x-envoy-internal|x-forwarded-for|x-envoy-expected-rq-timeout-ms)$/,
    why: 'reports have their length, and nothing of who sends them',
  },
  {
    cases: /^(?:a request|no header|a cluster with metadata)$/,
    of: /^span1\.annotations$/,
    when: (envoy = '', lateen = '') => envoy.endsWith(lateen) || envoy.startsWith(lateen),
    why: 'of verbose only the end is told',
  },
  {
    cases: /^a time limit$/,
    of: /^span2\.tag\.(?:response_flags|canceled)$/,
    why: 'a try has the flags of its request, and no canceled',
  },
  {
    cases: /^nobody listens$/,
    of: /^(?:client1\.1\.header\.content-length|client1\.1\.body|span1\.tag\.response_size|log\.1\.sent)$/,
    why: 'the body says why a connection could not be made',
  },
  {
    of: /^stat\.cluster\.collector\.upstream_(?:cx|rq_pending)_/,
    why: 'a report waits for the one before, and takes its connection',
  },
];
