import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  { of: /^log\.2\.protocol$/, why: "a listener's own log names no protocol of HTTP" },
  {
    cases: /^without TLS$/,
    of: /^log\.[12]\.(?:transport_failure_reason|tls_version)$/,
    why: 'OpenSSL has no error for a request without TLS that has come before its handshake',
  },
  {
    cases: /^both, and sends HTTP\/1\.1$/,
    of: /^client1\.1\.|^stat\.http2\.(?:goaway_sent|protocol_error)$/,
    why: 'settings are sent first, and GOAWAY says why the connection is closed',
  },
  {
    cases: /^no TLS at all$|^without TLS$/,
    of: /^client1\.bytes$/,
    why: 'another alert of another library',
  },
  {
    cases: /^TLSv1\.1$|^a client(?:, TLS 1\.2)?$/,
    of: /^client1\.tls\.error$/,
    when: (envoy, lateen) => envoy !== undefined && lateen !== undefined,
    why: 'another alert of another library',
  },
  {
    cases: /^TLSv1\.2$/,
    of: /tls\.cipher$|tls_cipher$|\.ssl\.ciphers\.ECDHE-ECDSA-/,
    why: 'of the suites that both have, the first of the client is taken',
  },
  {
    cases: /^an expired|^a client (?:that|of another)/,
    of: /\.ssl\.fail_verify_error$/,
    when: (_, lateen) => lateen === undefined,
    why: 'what is accepted all the same is not counted as a failure',
  },
  {
    cases: /^nobody|^a client|^without TLS|^a stranger/,
    of: /^up\.1\.|^stat\.cluster\.up\.upstream_(?:cx|rq)_|^log\.1\.(?:cluster|upstream)$/,
    when: (envoy, lateen) => envoy !== undefined && (lateen ?? '-') === '-',
    why: 'a TCP proxy connects to an endpoint when its client is let in',
  },
];
