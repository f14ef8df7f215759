import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { fromJson } from '@lateen/protocol';
import { TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import { knownTypes } from '../decode/known-types.ts';
import { extensionDecoder } from '../decode/resource.ts';
import type { ExtensionConfig } from '../model/index.ts';
import { clusterFromJson, filterTypes, routerJson, routesJson, serveEnvoy } from '../testing/envoy-config.ts';
import { ask, upstream } from '../testing/harness.ts';

const mutation = `${filterTypes}.header_mutation.v3.HeaderMutation`;

/** A filter that says on both ways which version of its configuration it has. */
function version(value: string): ExtensionConfig {
  const append = { append: { header: { key: 'x-version', value } } };
  const config = {
    '@type': mutation,
    mutations: { request_mutations: [append], response_mutations: [append] },
  };
  const json = { name: 'told', typed_config: config };
  const message = fromJson(TypedExtensionConfig, json, { registry: knownTypes });
  assert.ok(message.ok);
  const model = extensionDecoder.fromMessage(message.value);
  assert.ok(model.ok);
  return model.value.model;
}

test('the answer to a request meets the configuration that the request has met', async (t) => {
  const asked = Promise.withResolvers<ServerResponse>();
  const up = await upstream(t, (request, response) => {
    response.setHeader('x-seen', request.headers['x-version'] ?? '');
    asked.resolve(response);
  });
  const discovery = { config_source: { ads: {} }, type_urls: [mutation] };
  const { dataPlane, port } = await serveEnvoy(
    t,
    {
      route_config: routesJson([{ match: { prefix: '/' }, route: { cluster: 'up' } }]),
      http_filters: [{ name: 'told', config_discovery: discovery }, routerJson],
    },
    [clusterFromJson('up', [up.port])],
  );
  await dataPlane.update({ extensions: { set: [version('1')] } });
  const answer = ask(port);
  const response = await asked.promise;
  await dataPlane.update({ extensions: { set: [version('2')] } });
  response.end();
  const { headers } = await answer;
  assert.deepEqual([headers['x-seen'], headers['x-version']], ['1', '1']);
});
