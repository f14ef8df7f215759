import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterFromJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, keptAccessLog, tcpUpstream, until, upstream } from '../testing/harness.ts';
import { http2Upstream } from '../testing/http2-peers.ts';

const http2Options = {
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
};
const access_log = [
  {
    name: 'log',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog',
      log_format: {
        text_format_source: { inline_string: '%REQ(:PATH)% %RESPONSE_CODE% %UPSTREAM_PROTOCOL%' },
      },
    },
  },
];

test('the log says what an endpoint was spoken to in, answered or not', async (t) => {
  const { port: one } = await upstream(t, (_request, response) => response.end());
  const { port: two } = await http2Upstream(t, (stream) => stream.respond({}, { endStream: true }));
  const resets = await tcpUpstream(t, (socket) => void socket.once('data', () => socket.resetAndDestroy()));
  const clusters = [
    clusterFromJson('one', [one]),
    clusterFromJson('two', [two], http2Options),
    clusterFromJson('resets', [resets]),
    clusterFromJson('empty', []),
  ];
  const log = keptAccessLog('');
  const { port } = await serveEnvoy(
    t,
    {
      route_config: routesJson(
        clusters.map(({ name }) => ({ match: { prefix: `/${name}` }, route: { cluster: name } })),
      ),
      access_log,
    },
    clusters,
    log.options,
  );
  for (const { name } of clusters) await ask(port, `/${name}`);
  await until(() => log.lines.length === clusters.length);
  assert.deepEqual(log.lines, [
    '/one 200 HTTP/1.1',
    '/two 200 HTTP/2',
    '/resets 503 HTTP/1.1',
    '/empty 503 -',
  ]);
});
