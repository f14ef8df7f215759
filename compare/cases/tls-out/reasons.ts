import type { Reason } from '../../case.ts';

/** What differs here; the table is docs/envoy-differences.md. */
export const reasons: readonly Reason[] = [
  {
    of: /^up\.1\.(?:connection|tls\.\w+)$/,
    when: (envoy) => envoy === undefined,
    why: 'an endpoint is judged when its handshake is done, and has then seen a connection',
  },
  {
    cases: /^a request whose host is rewritten$/,
    of: /\.ssl\.session_reused$/,
    when: (envoy) => envoy === undefined,
    why: 'each session of TLS 1.3 that an endpoint gives is taken up',
  },
  {
    of: /\.upstream_cx_total$/,
    when: (envoy, lateen) => envoy === '+2' && lateen === '+1',
    why: 'a connection whose version of HTTP is agreed on by TLS is counted once',
  },
  {
    cases: /^a request|^an endpoint that closes/,
    of: /\.ssl\.connection_error$|^log\.1\.(?:details|transport_failure_reason)$/,
    when: (envoy, lateen) =>
      lateen === undefined ||
      lateen.includes('CERTIFICATE_REQUIRED') ||
      envoy?.includes('Broken_pipe') === true,
    why: 'what an endpoint says after the handshake is the reason in logs; a connection that only ends is none',
  },
  { cases: /^an endpoint without TLS$/, of: /^up\.1\.1\./, why: 'a ClientHello has random bytes' },
];
