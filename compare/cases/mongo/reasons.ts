import type { Reason } from '../../case.ts';

const counted = /^stat\.mongo\.db\./;
const unread = 'of messages of more than 256 KiB only the kind and the collection are looked at';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  {
    cases: /^with a time of a float$|^find with a time$/,
    of: /op_query_no_max_time$/,
    why: 'a time is one however it is written, of `find` too',
  },
  { cases: /^command $/, of: counted, why: 'a command without a name is unknown' },
  {
    cases: /^(?:message|of) (?:of )?today$/,
    of: /^stat\.|^client1\.connection$|^up\.1\.bytes$|^log\./,
    why: 'OP_MSG is read',
  },
  { cases: /^(?:update|delete|compressed)$/, of: /decoding_error$/, why: 'known messages are no errors' },
  {
    cases: /^holds (?:undefined|a reference|code|a decimal|the least|the most)/,
    of: counted,
    why: 'all kinds of values of BSON are read',
  },
  {
    cases: /^HTTP$|^a length of|^garbage/,
    of: /decoding_error$/,
    why: 'a length that no message has is not waited for',
  },
  {
    cases: /^a broken reply$|^with two documents too many$/,
    of: counted,
    why: 'a message is as long as what it holds',
  },
  { cases: /^long/, of: counted, why: unread },
  {
    cases: /^long$/,
    of: /^client1\.connection$/,
    when: (envoy, lateen) => envoy === 'closed' && lateen === 'reset',
    why: 'what is denied by its beginning is not read to its end',
  },
  {
    cases: /^a query$|^an answer$|^quotes$/,
    of: /^log\.\d\.(?:message|client|upstream_host|line|time)$/,
    why: 'lines are JSON whatever names and values hold, and name the client',
  },
  {
    cases: /^the client (?:goes|resets) at once$/,
    of: /^log\.1\.received$/,
    why: 'what is held back is not counted',
  },
  { cases: /^the client goes at once$/, of: counted, why: 'what is held back is read once' },
  { cases: /^a command reply$/, of: /delays_injected$/, why: 'answers are not held back' },
  {
    of: /^log\.1\.metadata$/,
    when: (envoy, lateen) => envoy === '{}' && lateen !== '-',
    why: 'the end of what a client sends takes nothing back',
  },
  {
    of: /^log\.1\.(?:metadata|shadow)$/,
    when: (envoy, lateen) => sorted(envoy) === sorted(lateen),
    why: 'the same, in the order in which it came',
  },
  {
    of: /^log\.1\.received$/,
    when: (envoy, lateen) => Number(envoy) > Number(lateen),
    why: 'bytes that rules keep back are not counted',
  },
  {
    of: /^stat\.gate\.rbac\.(?:sh\.shadow_)?allowed$|^log\.1\.shadow$/,
    why: 'the end of what a client sends is not judged, and without metadata a connection is judged once',
  },
  {
    cases: /^(?:what is open|both at once|what is secret, first|nothing|answered)$/,
    of: /^stat\.cluster\.up\.upstream_cx_destroy_|^stat\.gate\.rbac\.denied$|^log\.1\.termination$/,
    when: (envoy, lateen) => envoy === undefined || lateen === undefined || lateen === '-',
    why: 'the end of what a client sends is not judged',
  },
];

const sorted = (json = ''): string => json.split(/[{},]/).sort().join();
