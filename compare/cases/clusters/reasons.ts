import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { of: /circuit_breakers\.\w+\.remaining_cx_pools$/, why: 'pools of connections are not limited' },
  {
    cases: /^a budget/,
    of: /circuit_breakers\.\w+\.remaining_retries$/,
    why: 'of a budget, what is left of it now',
  },
  {
    cases: /^no connection$|^nothing pending|^a budget of no/,
    of: /circuit_breakers\.default\.\w+_open$/,
    why: 'a limit of none is open from the beginning, not from its first use',
  },
  {
    cases: /^gRPC errors/,
    of: /rq_(?:error|success)$/,
    why: 'answers to gRPC count by the status of HTTP',
  },
  {
    cases: /HTTP\/2$/,
    of: /^up\.1\.stream\.\d+$/,
    when: (envoy, lateen) => envoy?.replace('RST_STREAM 2', 'RST_STREAM 8') === lateen,
    why: 'a request that nobody waits for any more is cancelled (RFC 9113)',
  },
  {
    cases: /^no connection can be made/,
    of: /\.body$|content-length$|log\.\d\.sent$/,
    why: "the body has the transport's reason, as Istio's pages",
  },
];
