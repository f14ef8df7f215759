import type { Reason } from '../../case.ts';

const early = 'decided when a connection is made, before an endpoint is connected to';
const steady = (text = ''): string => text.replace(/"ext_authz_duration":\d+/, '');

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  {
    of: /^up2\.\d+\.stream\.\d+\.header\.x-(?:envoy-internal|envoy-expected-rq-timeout-ms|forwarded-for)$/,
    when: (_, lateen) => lateen === undefined,
    why: 'calls of the proxy itself do not have the headers of its router',
  },
  { of: /^stat\.http\.async-client\.|\.upstream_rq_pending_failure_eject$/, why: 'not kept' },
  {
    of: /^log\.1\.(?:authz|rbac)$/,
    when: (envoy, lateen) => sorted(steady(envoy)) === sorted(steady(lateen)),
    why: 'the same but for the time, in the order in which it came',
  },
  {
    of: /^up\.1\.(?:bytes|connection)$|^stat\.(?:cluster\.up|tcp\.tcp)\.|^log\.1\.(?:cluster|upstream)$/,
    when: (envoy, lateen) => lateen === undefined || lateen === '-',
    why: early,
  },
  { of: /^log\.1\.received$/, when: (envoy, lateen) => Number(envoy) > Number(lateen), why: early },
  {
    of: /^client1\.connection$/,
    when: (envoy, lateen) => envoy === 'closed' && lateen === 'reset',
    why: early,
  },
  {
    cases: /^the server (?:speaks|ends) first/,
    when: (envoy, lateen) => (envoy === 'banner' && lateen === '') || (envoy === '6' && lateen === '0'),
    of: /^client1\.bytes$|^log\.1\.sent$/,
    why: early,
  },
  {
    of: /^stat\.gate\.rbac\.(?:shadow_)?(?:allowed|denied)$/,
    when: (envoy, lateen) => lateen === '+1' && Number(envoy) > 1,
    why: 'rules that are continuous judge once where messages tell nothing more, not each piece of bytes',
  },
  {
    cases: /^a stranger$/,
    of: /\.ssl\.fail_verify_error$/,
    why: 'does not count who is accepted by ACCEPT_UNTRUSTED',
  },
  { cases: /^nothing/, why: 'asked as soon as there is a connection' },
  { cases: /^the client resets in the wait$/, of: /^log\.1\./, why: early },
  {
    cases: /resets in the wait$|^late$/,
    of: /^up2\.1\.stream\.1$/,
    why: 'a call that is given up is reset with CANCEL',
  },
  {
    cases: /^answers by HTTP/,
    of: /^up2\.1\.stream\.0$|^stat\.cluster\.asked\./,
    why: 'a connection that is no HTTP/2 is closed with the reason first',
  },
  { cases: /^not there$/, of: /^stat\.cluster\.empty\./, why: 'a call without an endpoint is no request' },
  { cases: /^told$/, of: /\.labels\.n$/, why: 'labels that are no text are told as text' },
  { cases: /^upper case$/, of: /\.tlsSession\.sni$/, why: 'names are told in lower case' },
  { cases: /^not asked$/, of: /\.disabled$/, why: 'counted once a connection' },
];

const sorted = (json = ''): string =>
  json
    .split(/[{},]/)
    .filter((one) => one !== '')
    .sort()
    .join();
