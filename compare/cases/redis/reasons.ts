import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { cases: /^simple$/, of: /^client1\.bytes$/, why: 'an array that is null stays one' },
  { cases: /^TIME |^others inside/, of: /^client1\.bytes$/, why: "TIME's second value is within the second" },
  {
    cases: /^administration/,
    of: /^client1\.bytes$|^up\.1\.|^stat\.cluster\.up\.upstream_|\.command\.(?:cluster|config|info|role|scan|select|slowlog)\.|unsupported_command$/,
    why: 'commands that concern one server are not passed on',
  },
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
    cases: /^an empty line|^an? (?:array of|array in|null in|string only|integer only|error only)/,
    of: /^client1\.(?:bytes|connection)$|\.downstream_(?:rq_total|cx_protocol_error)$|\.splitter\.invalid_request$/,
    why: 'a request is an array of strings',
  },
  {
    cases: /^inline|^HTTP/,
    of: /^client1\.(?:bytes|connection)$|\.downstream_(?:rq_total|cx_protocol_error)$|\.splitter\.|^up\.1\.|^stat\.cluster\.up\.upstream_|\.command\.get\./,
    why: 'a command in a line would be carried out: requests of HTTP are such',
  },
  {
    cases: /^a good one, then a bad one/,
    of: /^client1\.(?:bytes|connection)$|\.downstream_(?:rq_total|cx_protocol_error)$|\.splitter\.unsupported_command$/,
    why: 'a line is no request',
  },
  {
    cases: /^half closed/,
    of: /^client1\.bytes$|\.upstream_rq_cancelled$|\.command\.get\.success$/,
    why: 'a client that ends its half is answered',
  },
  {
    cases: /^two answers/,
    of: /^up\.1\.connection$|\.upstream_cx_(?:destroy_(?:remote|local)|protocol_error)$/,
    why: 'a connection with an answer to nothing is closed',
  },
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
  {
    cases: /^a prefix of the catch-all/,
    of: /^(?:client1|up\.1)\.bytes$/,
    why: 'the catch-all route has no prefix to remove',
  },
  {
    cases: /^reads and writes/,
    of: /^up2\.1\.bytes$|^stat\.cluster\.two\.upstream_rq_total$/,
    why: 'what goes to every server is not mirrored',
  },
  {
    cases: /^WATCH/,
    of: /^up\.[12]\.|^stat\.cluster\.up\.upstream_(?:cx|rq)_|\.command\.(?:multi|unwatch)\.success$/,
    why: 'keys are watched by the connection of the transaction',
  },
  {
    cases: /^WATCH inside/,
    of: /^client1\.bytes$/,
    why: 'WATCH inside of MULTI is an error, as Redis has it',
  },
  {
    cases: /^a transaction/,
    of: /^client1\.bytes$|^stat\.redis\.main\.command\.(?:exec|multi)\./,
    why: 'a transaction that has failed ends by EXEC',
  },
  { cases: /^MOVED to an unknown/, of: /\.total_match_count$/, why: 'not kept' },
];
