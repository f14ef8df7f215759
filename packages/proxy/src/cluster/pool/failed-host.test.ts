import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterFromJson } from '../../testing/envoy-config.ts';
import { ask, routeTo, serveHttp, statOf, upstream } from '../../testing/harness.ts';
import { http2Upstream } from '../../testing/http2-peers.ts';

const outlier_detection = { consecutive_5xx: 2, max_ejection_percent: 100, interval: '3600s' };
const http2 = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};

for (const version of ['HTTP/1', 'HTTP/2'] as const) {
  test(`${version}: a host that is found to fail is asked by a new connection, where it is still asked`, async (t) => {
    const { port: up } =
      version === 'HTTP/1'
        ? await upstream(t, (_, response) => void response.writeHead(500).end())
        : await http2Upstream(t, (stream) => stream.respond({ ':status': 500 }, { endStream: true }));
    const model = clusterFromJson('up', [up], {
      outlier_detection,
      ...(version === 'HTTP/1' ? {} : http2),
    });
    const { port, dataPlane } = await serveHttp(t, [routeTo('up')], [model]);
    const connections = (): readonly number[] =>
      ['total', 'destroy_local'].map((name) => statOf(dataPlane, `cluster.up.upstream_cx_${name}`));
    await ask(port);
    assert.deepEqual(connections(), [1, 0]);
    // The second failure ends the first connection; all hosts fail, so that they are asked all the same.
    await ask(port);
    await ask(port);
    await ask(port);
    assert.deepEqual(connections(), [2, 1]);
  });
}
