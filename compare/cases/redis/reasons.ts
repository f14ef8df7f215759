import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { cases: /^simple$/, of: /^client1\.bytes$/, why: 'an array that is null stays one' },
  { cases: /^TIME |^others inside/, of: /^client1\.bytes$/, why: "TIME's second value is within the second" },
  { cases: /^administration/, why: 'commands that concern one server are not passed on' },
  {
    cases: /^AUTH without a password|^wrong$/,
    of: /^client1\.bytes$/,
    why: 'AUTH is read as Redis reads it',
  },
  {
    cases: /^QUIT between/,
    of: /^client1\.bytes$|downstream_rq_total$/,
    why: 'nothing is carried out after QUIT',
  },
  {
    cases:
      /^inline|^an empty line|^HTTP|^an? (?:array of|array in|null in|string only|integer only|error only)/,
    why: 'a request is an array of strings',
  },
  { cases: /^a good one, then a bad one/, why: 'a request is an array of strings' },
  { cases: /^half closed/, why: 'a client that ends its half is answered' },
  { cases: /^two answers/, why: 'a connection with an answer to nothing is closed' },
  {
    cases: /^several$/,
    of: /^up3?\.1\.(?:bytes|connection)$|^stat\.cluster\.up\.upstream_(?:cx|rq)/,
    why: 'FLUSHALL is for every server',
  },
  {
    cases: /^of all servers/,
    of: /^up[23]\.1\.|^stat\.cluster\.(?:two|three)\./,
    why: 'FLUSHALL is for every server',
  },
  { cases: /^a prefix of the catch-all/, why: 'the catch-all route has no prefix to remove' },
  {
    cases: /^reads and writes/,
    of: /^up2\.1\.bytes$|^stat\.cluster\.two\.upstream_rq_total$/,
    why: 'what goes to every server is not mirrored',
  },
  { cases: /^WATCH/, why: 'keys are watched by the connection of the transaction' },
  {
    cases: /^a transaction/,
    of: /^client1\.bytes$|^stat\.redis\.main\.command\.(?:exec|multi)\./,
    why: 'a transaction that has failed ends by EXEC',
  },
  { cases: /^MOVED to an unknown/, of: /\.total_match_count$/, why: 'not kept' },
];
