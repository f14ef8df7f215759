import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestAuthority } from '@lateen/testkit';
import { clusterFromJson, listenerFromJson, routesJson } from '../testing/envoy-config.ts';
import { ask, portOf, startDataPlane, upstream } from '../testing/harness.ts';
import { becomes } from '../testing/watched-proxy.ts';

const types = 'type.googleapis.com/envoy.extensions';
const points = [
  'US_CX_BEG',
  'US_CX_END',
  'US_HS_END',
  'US_TX_BEG',
  'US_RX_BEG',
  'US_RX_BODY_BEG',
  'DS_TX_END',
];

function log(format: object): object {
  return {
    name: 'log',
    typed_config: {
      '@type': `${types}.access_loggers.stream.v3.StdoutAccessLog`,
      log_format: { json_format: format },
    },
  };
}

test('logs tell when the connection to the endpoint was made, also of requests that find it there', async (t) => {
  const lines: Record<string, number | null>[] = [];
  const dataPlane = startDataPlane(t, {
    writeAccessLog: (_sink, text) => void lines.push(JSON.parse(text) as Record<string, number | null>),
  });
  const { port } = await upstream(t, (_request, response) => response.end('hello'));
  const format = Object.fromEntries(
    points.map((point) => [point, `%COMMON_DURATION(DS_RX_BEG:${point}:us)%`]),
  );
  await dataPlane.update({
    clusters: { set: [clusterFromJson('up', [port])] },
    listeners: {
      set: [
        listenerFromJson({
          route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up' } }]),
          access_log: [log({ ...format, connecting: '%COMMON_DURATION(US_CX_BEG:US_CX_END:ns)%' })],
        }),
      ],
    },
  });
  await ask(portOf(dataPlane));
  await ask(portOf(dataPlane));
  await becomes(() => lines.length, 2);
  const [first, second] = lines as [Record<string, number>, Record<string, number>];
  const inOrder = points.filter((point) => point !== 'US_HS_END').map((point) => first[point] as number);
  assert.deepEqual(
    inOrder,
    inOrder.toSorted((a, b) => a - b),
  );
  assert.ok((first['US_CX_BEG'] ?? -1) >= 0);
  assert.ok((second['US_CX_END'] ?? 0) < 0);
  assert.equal(first['connecting'], second['connecting']);
  assert.deepEqual([first['US_HS_END'], second['US_HS_END']], [null, null]);
});

for (const version of ['TLSv1_2', 'TLSv1_3']) {
  test(`with ${version} logs tell the end of the handshake, and the ids of sessions`, async (t) => {
    const logged: Record<string, string | number | null> = {};
    const options = {
      writeAccessLog: (_sink: string, text: string) => void Object.assign(logged, JSON.parse(text)),
    };
    const authority = await createTestAuthority();
    const { cert, key } = await authority.issue({ dns: ['inner.test'] });
    const certificate = { certificate_chain: { inline_string: cert }, private_key: { inline_string: key } };
    const served = startDataPlane(t, options);
    await served.update({
      listeners: {
        set: [
          listenerFromJson(
            {
              route_config: routesJson([{ match: { prefix: '/' }, direct_response: { status: 200 } }]),
              access_log: [log({ id: '%DOWNSTREAM_TLS_SESSION_ID%' })],
            },
            {
              transport_socket: {
                name: 'envoy.transport_sockets.tls',
                typed_config: {
                  '@type': `${types}.transport_sockets.tls.v3.DownstreamTlsContext`,
                  common_tls_context: { tls_certificates: [certificate] },
                },
              },
            },
          ),
        ],
      },
    });
    const asking = startDataPlane(t, options);
    const secure = {
      transport_socket: {
        name: 'envoy.transport_sockets.tls',
        typed_config: {
          '@type': `${types}.transport_sockets.tls.v3.UpstreamTlsContext`,
          common_tls_context: {
            tls_params: { tls_minimum_protocol_version: version, tls_maximum_protocol_version: version },
            validation_context: { trusted_ca: { inline_string: authority.root } },
          },
        },
      },
    };
    const handshake = '%COMMON_DURATION(US_CX_END:US_HS_END:us)%';
    await asking.update({
      clusters: { set: [clusterFromJson('up', [portOf(served)], secure)] },
      listeners: {
        set: [
          listenerFromJson({
            route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up' } }]),
            access_log: [log({ upstream: '%UPSTREAM_TLS_SESSION_ID%', handshake })],
          }),
        ],
      },
    });
    assert.equal((await ask(portOf(asking))).status, 200);
    await becomes(() => Object.keys(logged).length, 3);
    assert.ok(Number(logged['handshake']) > 0);
    assert.match(String(logged['upstream']), /^[0-9a-f]{64}$/);
    // A server's tickets stand for ids.
    assert.equal(logged['id'], null);
  });
}
