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
    of: /^table\.\/stats/,
    when: (envoy, lateen) => envoy === '0' && lateen === undefined,
    why: 'what can never be counted here, or has not been used, is not shown',
  },
  { of: /total_match_count$/, why: 'matches of transport sockets are not counted' },
  {
    of: /^table\.\/stats.*\.upstream_rq_(?:\dxx|unknown|drop_overload)$/,
    when: (envoy, lateen) => envoy === undefined && lateen === '0',
    why: 'shown before the first of them',
  },
  {
    of: /^table\.\/stats.*\.(?:external|internal)\./,
    why: 'not split by where requests come from',
  },
  {
    cases: /^names of statistics/,
    of: /(?:strictboth|strictip)\.(?:membership_change|update_\w+)$/,
    why: 'one look-up serves all hosts of a name, and an address needs none',
  },
  { cases: /^strict DNS of an address/, of: /::hostname$/, why: 'an address is not looked up' },
  {
    of: /cluster\.(?:header|otherheader|port|meta)\.membership_/,
    why: 'hosts that nobody asks for go when there are very many, not by cleanup_interval',
  },
  {
    cases: /^fails, and is well/,
    of: /health_check\.(?:attempt|success|failure)$/,
    why: 'so many as there is time for',
  },
  {
    cases: /^aggregate: half|^weighted clusters$|^another host/,
    of: /^stat\.cluster\.\w+\.(?:retry\.)?upstream_(?:cx|rq)_/,
    when: (envoy, lateen) => envoy?.startsWith('+') === true && lateen?.startsWith('+') === true,
    why: 'chance decides',
  },
  {
    cases: /^original destination/,
    of: /::hostname$/,
    why: 'a host that a request names has no name of its own',
  },
  {
    cases: /HTTP\/2$|goodbye/,
    of: /\.stream\.0$|goaway_sent$/,
    when: (envoy) => envoy === undefined,
    why: 'GOAWAY says that the connection is closed',
  },
  { cases: /HTTP\/2$|goodbye/, of: /upstream_cx_protocol_error$/, why: 'counts what is closed for it' },
];
