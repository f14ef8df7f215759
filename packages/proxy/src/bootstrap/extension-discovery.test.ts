import assert from 'node:assert/strict';
import { Agent, request as httpRequest } from 'node:http';
import { test } from 'node:test';
import { TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import { adsSource, deltaAds, loopbackCluster, startBootstrapped } from '../testing/bootstrapped-proxy.ts';
import { bytesOf, deltaControlPlane } from '../testing/delta-control-plane.ts';
import { ask, exchangeRaw, portOf, statOf } from '../testing/harness.ts';
import { decodeBootstrap } from './bootstrap.ts';

const type = (name: string): string => `type.googleapis.com/envoy.extensions.filters.${name}`;
const fault = type('http.fault.v3.HTTPFault');
const direct = type('network.direct_response.v3.Config');
const router = { name: 'router', typed_config: { '@type': type('http.router.v3.Router') } };
const ads = adsSource;
const abort = (status: number) => ({
  '@type': fault,
  abort: { http_status: status, percentage: { numerator: 100 } },
});

function listener(name: string, filter: unknown) {
  return {
    name,
    address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
    filter_chains: [{ filters: [filter] }],
  };
}

const http = (discovery: object) => ({
  name: 'hcm',
  typed_config: {
    '@type': type('network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'main',
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [
            { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'ok' } } },
          ],
        },
      ],
    },
    http_filters: [
      { name: 'abort', config_discovery: { config_source: ads, type_urls: [fault], ...discovery } },
      router,
    ],
  },
});

/** Asks on a connection that is kept. */
function askOn(agent: Agent, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port, agent }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    })
      .on('error', reject)
      .end();
  });
}

test('filters take their configuration by themselves: the default first, then each that comes, on kept connections too', async (t) => {
  const control = await deltaControlPlane();
  t.after(() => control.close());
  const extension = (name: string, version: string, config: unknown) => ({
    typeUrl: TypedExtensionConfig.typeUrl,
    name,
    version,
    bytes: bytesOf(TypedExtensionConfig, { name, typed_config: config }),
  });
  const bootstrap = {
    node: { id: 'me' },
    dynamic_resources: { ads_config: deltaAds('xds') },
    static_resources: {
      clusters: [loopbackCluster('xds', control.port)],
      listeners: [
        listener('at-once', http({ default_config: abort(418), apply_default_config_without_warming: true })),
        listener('waits', http({})),
        listener('network', {
          name: 'answer',
          config_discovery: { config_source: ads, type_urls: [direct] },
        }),
      ],
    },
  };
  const { proxy, dataPlane, ready } = await startBootstrapped(t, bootstrap);
  const answered = (nonce: string) =>
    control.request(
      ({ typeUrl, responseNonce = '' }) =>
        typeUrl === TypedExtensionConfig.typeUrl && responseNonce === nonce,
    );

  assert.deepEqual(proxy.warming.warming.listeners, ['waits', 'network']);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  assert.equal(await askOn(agent, portOf(dataPlane, 'at-once')), 418);

  await control.request(({ resourceNamesSubscribe: names = [] }) => names.includes('answer'));
  control.set(extension('abort', '1', abort(451)));
  control.set(extension('answer', '1', { '@type': direct, response: { inline_string: 'one' } }));
  await ready;
  assert.equal(await askOn(agent, portOf(dataPlane, 'at-once')), 451);
  assert.equal((await ask(portOf(dataPlane, 'waits'))).status, 451);
  assert.equal(await exchangeRaw(portOf(dataPlane, 'network'), ''), 'one');

  control.set(extension('abort', '2', { '@type': fault }));
  control.set(extension('answer', '2', { '@type': direct, response: { inline_string: 'two' } }));
  await answered('4');
  assert.equal(await askOn(agent, portOf(dataPlane, 'at-once')), 200);
  assert.equal(await exchangeRaw(portOf(dataPlane, 'network'), ''), 'two');

  // Of another type than the filter may be: refused, and what was good stays.
  control.set(extension('abort', '3', { '@type': type('http.router.v3.Router') }));
  const refusal = await answered('5');
  assert.match(
    refusal.errorDetail?.message ?? '',
    /^abort: typed_config: is a .*Router, not one of .*HTTPFault$/,
  );
  assert.equal((await ask(portOf(dataPlane, 'waits'))).status, 200);
  const counted = (what: string): number => statOf(dataPlane, `extension_config_discovery.${what}`);
  assert.equal(counted('http_filter.abort.update_success'), 2);
  assert.equal(counted('http_filter.abort.update_rejected'), 1);
  assert.equal(counted('network_filter.answer.update_success'), 2);

  // Taken away: the default of one, nothing for the other, which lets nothing through.
  control.remove(TypedExtensionConfig.typeUrl, 'abort');
  control.remove(TypedExtensionConfig.typeUrl, 'answer');
  await answered('7');
  assert.equal(await askOn(agent, portOf(dataPlane, 'at-once')), 418);
  assert.equal((await ask(portOf(dataPlane, 'waits'))).status, 500);
  assert.equal(await exchangeRaw(portOf(dataPlane, 'network'), ''), '');
});

test('a default that is not there cannot be applied without warming', () => {
  const decoded = decodeBootstrap({
    static_resources: { listeners: [listener('a', http({ apply_default_config_without_warming: true }))] },
  });
  assert.match(
    decoded.ok ? '' : JSON.stringify(decoded.problems),
    /config_discovery.default_config.*must be set/,
  );
});
