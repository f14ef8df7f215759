import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { silentLogger } from '@lateen/core';
import { Cluster } from '@lateen/protocol/envoy/config/cluster/v3';
import { Listener } from '@lateen/protocol/envoy/config/listener/v3';
import { startStatusServer } from '../agent/status-server.ts';
import { adsSource, deltaAds, loopbackCluster, startBootstrapped } from '../testing/bootstrapped-proxy.ts';
import { bytesOf, deltaControlPlane, type OfferedResource } from '../testing/delta-control-plane.ts';
import { becomes } from '../testing/watched-proxy.ts';

const ads = adsSource;

function listener(version: string, fields: object): OfferedResource {
  return { typeUrl: Listener.typeUrl, name: 'main', version, bytes: bytesOf(Listener, fields) };
}

const address = { socket_address: { address: '127.0.0.1', port_value: 0 } };
/** Refused, since it has no address. */
const bad = listener('1', { name: 'main', filter_chains: [{}] });
const good = listener('2', {
  name: 'main',
  address,
  filter_chains: [
    {
      filters: [
        {
          name: 'tcp',
          typed_config: {
            '@type': 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy',
            stat_prefix: 'tcp',
            cluster: 'a',
          },
        },
      ],
    },
  ],
});
const cluster: OfferedResource = {
  typeUrl: Cluster.typeUrl,
  name: 'a',
  version: '1',
  bytes: bytesOf(Cluster, { name: 'a' }),
};

async function start(t: TestContext, port: number, statePath?: string) {
  const { proxy, ready } = await startBootstrapped(
    t,
    {
      node: { id: 'me' },
      dynamic_resources: { lds_config: ads, cds_config: ads, ads_config: deltaAds('xds') },
      static_resources: { clusters: [loopbackCluster('xds', port)] },
    },
    { statePath },
  );
  const status = await startStatusServer({
    port: 0,
    log: silentLogger,
    appProbers: undefined,
    missing: () => [...proxy.firstUpdates.missing, ...proxy.warming.missing],
    metrics: async () => '',
    quit() {},
    drain() {},
  });
  t.after(() => status.close());
  const probe = async (): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${status.port}/healthz/ready`);
    return `${response.status} ${await response.text()}`;
  };
  return { proxy, ready, probe };
}

test('a proxy whose first listeners were refused is not ready until some are taken, and stays so', async (t) => {
  const controlPlane = await deltaControlPlane();
  t.after(() => controlPlane.close());
  controlPlane.set(cluster, bad);
  const { proxy, ready, probe } = await start(t, controlPlane.port);
  await ready;
  await becomes(() => proxy.firstUpdates.missing.length, 1);
  assert.match(
    await probe(),
    /^503 config received from XDS server, but was rejected: cds updates: 1 successful, 0 rejected; lds updates: 0 successful, 1 rejected \(main: .*address.*\)\n$/,
  );
  controlPlane.set(good);
  await becomes(() => proxy.firstUpdates.missing.length, 0);
  assert.equal(await probe(), '200 ');
  const refused = controlPlane.requests.filter((one) => one.errorDetail !== undefined).length;
  controlPlane.set({ ...bad, version: '3' });
  await becomes(
    () => controlPlane.requests.filter((one) => one.errorDetail !== undefined).length,
    refused + 1,
  );
  assert.equal(await probe(), '200 ');
});

test('a proxy that serves what it has kept stays ready when its control plane sends what is refused', async (t) => {
  const statePath = mkdtempSync(join(tmpdir(), 'lateen-first-updates-'));
  process.once('exit', () => rmSync(statePath, { recursive: true, force: true }));
  const before = await deltaControlPlane();
  t.after(() => before.close());
  before.set(cluster, good);
  const first = await start(t, before.port, statePath);
  await before.request(
    ({ typeUrl, responseNonce = '' }) => typeUrl === Listener.typeUrl && responseNonce !== '',
  );
  await first.proxy.close();

  const controlPlane = await deltaControlPlane();
  t.after(() => controlPlane.close());
  controlPlane.set(cluster, bad);
  const { probe } = await start(t, controlPlane.port, statePath);
  assert.equal(await probe(), '200 ');
  await controlPlane.request((one) => one.errorDetail !== undefined);
  assert.equal(await probe(), '200 ');
});
