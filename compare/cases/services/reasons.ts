import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { of: /^stat\.http\.async-client\.rq_total$/, why: 'not kept' },
  {
    of: /^up2\.\d+\.(?:stream\.)?\d+\.header\.x-(?:envoy-internal|envoy-expected-rq-timeout-ms|forwarded-for)$/,
    when: (_, lateen) => lateen === undefined,
    why: 'calls of the proxy itself do not have the headers of its router',
  },
  {
    of: /^client1\.\d\.header\.x-envoy-upstream-service-time$/,
    when: (envoy, lateen) => envoy === '<ms>' && lateen === undefined,
    why: 'how long the service took to refuse is not told to the client',
  },
  {
    cases: /^(?:400 Bad Request|denied by 400)$/,
    of: /^client1\.(?:1\.header\.)?connection$|^stat\.http\.main\.downstream_cx_destroy_(?:local|remote)$/,
    why: 'a refusal by 400 leaves the connection open: the request could be read',
  },
  { cases: /^100 before 200$/, of: /^stat\.cluster\.authz\.upstream_rq_completed$/, why: 'interim answers' },
  { cases: /^101$/, why: 'a service that switches protocols has failed; the client is not told 101' },
  {
    cases: /^500$/,
    of: /^up\.1\.1\.header\.x-envoy-auth-failure-mode-allowed$/,
    when: (envoy, lateen) => envoy === 'false | true' && lateen === 'true',
    why: "a client's own word of it is replaced",
  },
  {
    cases: /^large, in chunks$/,
    of: /^up2\..*\.x-envoy-auth-partial-body$/,
    why: 'a body of which more comes is partial, also where what has come is just as large as allowed',
  },
  {
    cases: /^(?:allowed|appends to nothing|host|empty|removes|settings|absolute path)$/,
    of: /^up\.1\.1\.(?:header\.content-length|body)$/,
    when: (envoy, lateen) => envoy?.startsWith('length') === true || (envoy === '0' && lateen === undefined),
    why: 'how a request is framed is not for a service to change',
  },
  {
    of: /^up2\..*\.request\.http\.id$/,
    when: (_, lateen) => lateen === '<uuid>',
    why: 'a request is named to the service by its x-request-id',
  },
  { cases: /^allowed$/, of: /\.headerMap\.headers\.11\.rawValue$/, why: 'x-request-id, in base64' },
  { cases: /^denied by (?:99|100|600)$/, why: 'a status with which nothing can be answered is 403' },
  { cases: /^denied by 304$/, of: /^client1\.2\./, why: 'an answer that has no body has none' },
  { cases: /^denied, actions$/, of: /^client1\.1\.header\.x-a$/, why: 'append is taken in refusals too' },
  {
    cases: /^raw value$/,
    of: /^up\.1\.1\.header\.x-raw$/,
    why: 'raw_value is taken where there is no value',
  },
  { cases: /^framing$/, why: 'how a request is framed is not for a service to change' },
  {
    cases: /^(?:a name that is none|a value of two lines)$/,
    of: /^up\.1\.connection$|^stat\.cluster\.up\.upstream_(?:cx|rq(?:_pending)?_total)|^stat\.http\.main\.rq_total$|^log\.1\.(?:attempts|upstream)$/,
    why: 'refused before there is a connection to the endpoint',
  },
  { cases: /^refusal of two lines$/, of: /^client1\.1\.header\.x-[ab]$/, why: 'a value is one line' },
  {
    cases: /^method$/,
    of: /^up\.1\.1\.(?:line|header\.content-length|body)$|^log\.1\.method$/,
    why: 'a service does not change the method',
  },
  { cases: /^query$/, of: /^up\.1\.1\.line$|^log\.1\.path$/, why: 'parameters are encoded' },
  { of: /\.upstream_rq_pending_failure_eject$/, why: 'not kept' },
  {
    cases: /^POST$/,
    of: /\.request\.http\.size$/,
    why: 'the size of a body that is not shown is told where it is known',
  },
  { cases: /^too late$/, of: /^up2\.1\.stream\.1$/, why: 'a call that is given up is reset with CANCEL' },
  { cases: /^small$/, of: /\.request\.http\.body$/, why: 'what is no UTF-8 is U+FFFD' },
  {
    cases: /^claims$/,
    of: /^up2?\.1\.|^stat\.cluster\.limits\.upstream_|^stat\.cluster\.up\.ratelimit\.ok$/,
    why: 'a request that says nothing of where it comes from is of the mesh',
  },
  {
    cases: /^skip-alone$/,
    of: /^up2\.1\.|^stat\.cluster\.limits\.upstream_|^stat\.cluster\.up\.ratelimit\.ok$/,
    why: 'a descriptor without an entry is none',
  },
];
