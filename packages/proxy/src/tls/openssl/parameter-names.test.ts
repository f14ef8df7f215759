import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { createTestAuthority } from '@lateen/testkit';
import { listenerFromJson, routesJson } from '../../testing/envoy-config.ts';
import { portOf, startDataPlane, statOf } from '../../testing/harness.ts';

const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
const inline = (text: string): object => ({ inline_string: text });

test('groups and signatures of clients are counted by the names that Envoy has for them', async (t) => {
  const authority = await createTestAuthority();
  const own = await authority.issue({ dns: ['a.test'] });
  const routes = [{ match: { prefix: '/' }, direct_response: { status: 200 } }];
  const dataPlane = startDataPlane(t);
  const common = {
    tls_certificates: [{ certificate_chain: inline(own.cert), private_key: inline(own.key) }],
    validation_context: { trusted_ca: inline(authority.root) },
  };
  const transport = { name: 'tls', typed_config: { '@type': type, common_tls_context: common } };
  const { refused } = await dataPlane.update({
    listeners: {
      set: [listenerFromJson({ route_config: routesJson(routes) }, { transport_socket: transport })],
    },
  });
  assert.deepEqual(refused, []);
  const kinds = [
    await authority.issue({}),
    await authority.issue({ key: 'P-384' }),
    await authority.issue({ key: 'RSA' }),
  ];
  for (const [at, ecdhCurve] of ['X25519', 'P-256', 'X25519MLKEM768'].entries()) {
    const to = { port: portOf(dataPlane), rejectUnauthorized: false, ecdhCurve, ...kinds[at] };
    const socket = connect(to);
    socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');
    socket.resume();
    await once(socket, 'close');
  }
  const counted = (name: string): number => statOf(dataPlane, `listener.127.0.0.1_0.ssl.${name}`);
  assert.deepEqual(
    [
      'curves.X25519',
      'curves.P-256',
      'curves.X25519MLKEM768',
      'sigalgs.ecdsa_secp256r1_sha256',
      'sigalgs.ecdsa_secp384r1_sha384',
      'sigalgs.rsa_pss_rsae_sha256',
    ].map(counted),
    [1, 1, 1, 1, 1, 1],
  );
});
