import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { of: /^stat\.downstream_cx_proxy_proto_error$/, why: 'not kept: the counters of versions say more' },
  { cases: /^v2 of no family$/, why: 'a header of no family says nothing of addresses, and is passed over' },
  {
    cases: /^v2 with TLVs$/,
    of: /^log\.1\.tlvs$/,
    why: 'logs of requests have what listener filters have said of their connection',
  },
  {
    cases: /^v[12]/,
    of: /\.versions\.v1\.(?:found|error|disallowed)$/,
    why: 'a header of a version that is not allowed is not looked at further',
  },
  {
    of: /^up\.\d+\.bytes$/,
    when: (envoy, lateen) => withoutPorts(envoy) === withoutPorts(lateen),
    why: 'ports of the run, where an endpoint is told of the connection itself',
  },
];

const loopback = '\x7f\0\0\x01';
const version2 = `\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c${loopback}${loopback}`;
const withoutPorts = (sent = ''): string =>
  sent.startsWith(version2)
    ? sent.slice(version2.length + 4)
    : sent.replace(/^(PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1) \d+ \d+\r\n/, '$1');
