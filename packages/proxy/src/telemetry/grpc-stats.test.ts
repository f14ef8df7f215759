import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clusterFromJson, filterTypes, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { askHttp2, http2Client, http2Upstream } from '../testing/http2-peers.ts';
import { statOf, type Closers } from '../testing/harness.ts';

const http2 = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

/** A service by gRPC behind a connection manager with the filter; answers each call with two messages and this status. */
async function serve(t: Closers, filter: object, status = '0') {
  const message = Buffer.from('00000000026869', 'hex');
  const up = await http2Upstream(t, (stream) => {
    stream.resume();
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': status }));
    stream.end(Buffer.concat([message, message]));
  });
  const options = {
    '@type': `type.googleapis.com/${http2}`,
    explicit_http_config: { http2_protocol_options: {} },
  };
  const grpcStats = {
    name: 'envoy.filters.http.grpc_stats',
    typed_config: { '@type': `${filterTypes}.grpc_stats.v3.FilterConfig`, ...filter },
  };
  const { dataPlane, port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up' } }]),
      http_filters: [grpcStats, routerJson],
    },
    [clusterFromJson('up', [up.port], { typed_extension_protocol_options: { [http2]: options } })],
  );
  const client = await http2Client(t, port);
  return {
    call: (path: string, type = 'application/grpc') =>
      askHttp2(client, { ':path': path, ':method': 'POST', 'content-type': type }, message),
    stat: (name: string) => statOf(dataPlane, `cluster.up.grpc.${name}`),
    text: () => dataPlane.stats.text(),
  };
}

test('gRPC requests are counted by their cluster alone where no method is named', async (t) => {
  const { call, stat, text } = await serve(t, {}, '5');
  await call('/shop.Cart/Add');
  await call('/shop.Cart/Add', 'text/plain');
  assert.deepEqual(['5', 'success', 'failure', 'total'].map(stat), [1, 0, 1, 1]);
  assert.deepEqual(['request_message_count', 'response_message_count'].map(stat), [1, 2]);
  assert.doesNotMatch(text(), /upstream_rq_time.*shop|grpc\.shop/);
});

test('methods have statistics of their own where they are listed, or all of them', async (t) => {
  const services = [{ name: 'shop.Cart', method_names: ['Add'] }];
  const some = await serve(t, {
    individual_method_stats_allowlist: { services },
    enable_upstream_stats: true,
    replace_dots_in_grpc_service_name: true,
  });
  for (const path of ['/shop.Cart/Add', '/shop.Cart/Drop', '/no/call/this']) await some.call(path);
  assert.equal(some.stat('shop_Cart.Add.success'), 1);
  assert.equal(some.stat('success'), 2);
  assert.match(some.text(), /^cluster\.up\.grpc\.shop_Cart\.Add\.upstream_rq_time: P0/m);
  const all = await serve(t, { stats_for_all_methods: true });
  for (const path of ['/shop.Cart/Add', '/shop.Cart/Drop']) await all.call(path);
  assert.deepEqual(['shop.Cart.Add.total', 'shop.Cart.Drop.0'].map(all.stat), [1, 1]);
});
