import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { createTestAuthority } from '@lateen/testkit';
import { clusterFromJson, listenerFromJson } from '../testing/envoy-config.ts';
import { keptAccessLog, portOf, startDataPlane, statOf, tcpUpstream, until } from '../testing/harness.ts';

const types = 'type.googleapis.com/envoy.extensions';
const inline = (text: string): object => ({ inline_string: text });

test('a TCP proxy logs and counts a client whose handshake fails, with what it showed', async (t) => {
  const [authority, other] = [await createTestAuthority(), await createTestAuthority('Other')];
  const own = await authority.issue({ dns: ['a.test'] });
  const client = await other.issue({ dns: ['b.test'] });
  const log = {
    name: 'log',
    typed_config: {
      '@type': `${types}.access_loggers.stream.v3.StdoutAccessLog`,
      log_format: {
        text_format_source: inline(
          '%DOWNSTREAM_PEER_DNS_SAN% %DOWNSTREAM_LOCAL_DNS_SAN% %DOWNSTREAM_TRANSPORT_FAILURE_REASON%\n',
        ),
      },
    },
  };
  const kept = keptAccessLog('');
  const dataPlane = startDataPlane(t, kept.options);
  const echo = await tcpUpstream(t, (peer) => peer.pipe(peer));
  const { refused } = await dataPlane.update({
    clusters: { set: [clusterFromJson('echo', [echo])] },
    listeners: {
      set: [
        listenerFromJson({}, undefined, {
          filter_chains: [
            {
              transport_socket: {
                name: 'tls',
                typed_config: {
                  '@type': `${types}.transport_sockets.tls.v3.DownstreamTlsContext`,
                  require_client_certificate: true,
                  common_tls_context: {
                    tls_certificates: [{ certificate_chain: inline(own.cert), private_key: inline(own.key) }],
                    validation_context: { trusted_ca: inline(authority.root) },
                  },
                },
              },
              filters: [
                {
                  name: 'tcp',
                  typed_config: {
                    '@type': `${types}.filters.network.tcp_proxy.v3.TcpProxy`,
                    stat_prefix: 'tcp',
                    cluster: 'echo',
                    access_log: [log],
                  },
                },
              ],
            },
          ],
        }),
      ],
    },
  });
  assert.deepEqual(refused, []);
  const socket = connect({ port: portOf(dataPlane), rejectUnauthorized: false, ...client });
  socket.on('error', () => {}).resume();
  await once(socket, 'close').catch(() => {});
  await until(() => kept.lines.length > 0);
  assert.deepEqual(kept.lines, [
    'b.test a.test TLS_error:|268435581:SSL_routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify_cert_failed:_X509_verify_cert:_certificate_verification_error_at_depth_0:_unable_to_get_local_issuer_certificate:TLS_error_end\n',
  ]);
  assert.equal(statOf(dataPlane, 'tcp.tcp.downstream_cx_total'), 1);
  const ofTls = (name: string): number => statOf(dataPlane, `listener.127.0.0.1_0.ssl.${name}`);
  assert.deepEqual([ofTls('fail_verify_error'), ofTls('connection_error')], [1, 0]);
});
