import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import { test } from 'node:test';
import { createTestAuthority } from '@lateen/testkit';
import { clusterFromJson, listenerFromJson, routerJson, routesJson } from '../testing/envoy-config.ts';
import { ask, portOf, portOfServer, startDataPlane, type Closers } from '../testing/harness.ts';

const types = 'type.googleapis.com';
const offers = (...overrides: object[]) => ({
  name: 'istio.alpn',
  typed_config: {
    '@type': `${types}/istio.envoy.config.filter.http.alpn.v2alpha1.FilterConfig`,
    alpn_override: overrides,
  },
});
const asIstio = offers(
  { alpn_override: ['istio-http/1.0', 'istio', 'http/1.0'] },
  { upstream_protocol: 'HTTP11', alpn_override: ['istio-http/1.1', 'istio', 'http/1.1'] },
  { upstream_protocol: 'HTTP2', alpn_override: ['istio-h2', 'istio', 'h2'] },
);

/** An endpoint with TLS that notes what each connection offers. */
async function tlsEndpoint(t: Closers): Promise<{ readonly port: number; readonly offered: string[] }> {
  const authority = await createTestAuthority();
  const { cert, key } = await authority.issue({ dns: ['svc.example'] });
  const offered: string[] = [];
  const server = createServer(
    {
      cert,
      key,
      ALPNCallback: ({ protocols }) => {
        offered.push(protocols.join(' '));
        return protocols[0];
      },
    },
    (_request, response) => response.end('ok'),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { port: portOfServer(server), offered };
}

const routes = { route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up' } }]) };
const tlsCluster = (port: number) =>
  clusterFromJson('up', [port], {
    transport_socket: {
      name: 'envoy.transport_sockets.tls',
      typed_config: {
        '@type': `${types}/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext`,
        sni: 'svc.example',
        common_tls_context: { alpn_protocols: ['istio-peer-exchange', 'istio'] },
      },
    },
  });

test('what TLS offers to an endpoint is what the listener says for the version of HTTP, else what the cluster says', async (t) => {
  const { port, offered } = await tlsEndpoint(t);
  const dataPlane = startDataPlane(t);
  const withFilters = (name: string, ...filters: object[]) => ({
    ...listenerFromJson({ ...routes, http_filters: [...filters, routerJson] }),
    name,
  });
  const { refused } = await dataPlane.update({
    clusters: { set: [tlsCluster(port)] },
    listeners: {
      set: [
        withFilters('plain'),
        withFilters('istio', asIstio),
        withFilters('alike', asIstio),
        withFilters('old', offers({ alpn_override: ['istio-http/1.0'] })),
      ],
    },
  });
  assert.deepEqual(refused, []);
  const askAt = async (name: string) => {
    const { status, body } = await ask(portOf(dataPlane, name));
    assert.deepEqual([status, body], [200, 'ok']);
  };
  await askAt('istio');
  assert.deepEqual(offered, ['istio-http/1.1 istio http/1.1']);
  // Listeners that offer the same share their connections; one with another offer, or none, has its own.
  await askAt('alike');
  await askAt('istio');
  assert.equal(offered.length, 1);
  await askAt('plain');
  assert.deepEqual(offered.slice(1), ['istio-peer-exchange istio']);
  // Requests are sent as HTTP/1.1, so that what is said for 1.0 does not hold.
  await askAt('old');
  assert.deepEqual(offered.slice(2), ['istio-peer-exchange istio']);
});

test('connections that offer something end with their endpoint', async (t) => {
  const { port } = await tlsEndpoint(t);
  const dataPlane = startDataPlane(t);
  await dataPlane.update({
    clusters: { set: [tlsCluster(port)] },
    listeners: { set: [listenerFromJson({ ...routes, http_filters: [asIstio, routerJson] })] },
  });
  assert.equal((await ask(portOf(dataPlane))).status, 200);
  assert.match(dataPlane.stats.text(), /cluster\.up\.upstream_cx_active: 1\n/);
  await dataPlane.update({ clusters: { set: [clusterFromJson('up', [])] } });
  assert.match(dataPlane.stats.text(), /cluster\.up\.upstream_cx_active: 0\n/);
});
