import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { of: /^stat\.http\.async-client\.rq_total$/, why: 'not kept' },
  {
    cases: /./,
    of: /^up2\.\d+\.\d+\.header\.x-envoy-(?:internal|expected-rq-timeout-ms)$/,
    when: (_, lateen) => lateen === undefined,
    why: 'calls of the proxy itself do not have the headers of its router',
  },
  {
    of: /^client1\.\d\.header\.x-envoy-upstream-service-time$/,
    when: (envoy, lateen) => envoy === '<ms>' && lateen === undefined,
    why: 'how long the service took to refuse is not told to the client',
  },
  {
    cases: /^400 Bad Request$/,
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
];
