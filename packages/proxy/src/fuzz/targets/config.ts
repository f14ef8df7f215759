import { isDeepStrictEqual } from 'node:util';
import { decode, encode, fromJson, type AnyMessageType } from '@lateen/protocol';
import { decodeBootstrap } from '../../bootstrap/bootstrap.ts';
import { parseText } from '../../config-text/located-text.ts';
import { knownTypes } from '../../decode/known-types.ts';
import {
  clusterDecoder,
  endpointDecoder,
  listenerDecoder,
  routeDecoder,
  secretDecoder,
} from '../../decode/resource.ts';
import { must, type FuzzTarget } from '../target.ts';

const types = 'type.googleapis.com/envoy.extensions';
const address = { socket_address: { address: '127.0.0.1', port_value: 80 } };
const routes = {
  name: 'r',
  virtual_hosts: [
    {
      name: 'v',
      domains: ['*', 'a.example'],
      routes: [
        {
          match: { prefix: '/', headers: [{ name: 'x', string_match: { exact: 'y' } }] },
          route: { cluster: 'c', timeout: '1s' },
        },
        { match: { safe_regex: { regex: '/a+' } }, redirect: { path_redirect: '/b' } },
      ],
    },
  ],
};
const listener = {
  name: 'l',
  address,
  filter_chains: [
    {
      filters: [
        {
          name: 'http',
          typed_config: {
            '@type': `${types}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
            stat_prefix: 'h',
            route_config: routes,
            http_filters: [
              { name: 'router', typed_config: { '@type': `${types}.filters.http.router.v3.Router` } },
            ],
          },
        },
      ],
    },
  ],
};
const cluster = {
  name: 'c',
  type: 'STRICT_DNS',
  connect_timeout: '1s',
  circuit_breakers: { thresholds: [{ max_connections: 1 }] },
  outlier_detection: { consecutive_5xx: 3 },
  load_assignment: { cluster_name: 'c', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
};
const secret = {
  name: 's',
  tls_certificate: { certificate_chain: { inline_string: 'x' }, private_key: { inline_string: 'y' } },
};

/** What the fuzzer needs of the decoder of a resource. */
interface Decoder {
  readonly type: AnyMessageType;
  fromBytes(bytes: Uint8Array): { readonly ok: boolean };
}

const resources: readonly (readonly [name: string, decoder: Decoder, seed: object])[] = [
  ['listener', listenerDecoder, listener],
  ['cluster', clusterDecoder, cluster],
  ['endpoints', endpointDecoder, cluster.load_assignment],
  ['routes', routeDecoder, routes],
  ['secret', secretDecoder, secret],
];

function bytesOf(type: AnyMessageType, json: object): Buffer {
  const message = fromJson(type, json, { registry: knownTypes });
  if (!message.ok) throw new Error(JSON.stringify(message.problems));
  return Buffer.from(encode(type, message.value));
}

const bootstrap = `
node: {id: a, cluster: b}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  clusters:
  - {name: c, type: STATIC, connect_timeout: 1s}
  listeners: ${JSON.stringify([listener])}
`;

export const configTargets = (): FuzzTarget[] => [
  ...resources.map(
    ([name, decoder, seed]): FuzzTarget => ({
      name,
      seeds: [bytesOf(decoder.type, seed)],
      words: [
        '\x0a\x01a',
        '\x08\x01',
        '\x12\x00',
        '\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01',
        '\x80\x80\x80\x80',
        '\x0b',
        '\x0c',
        types,
      ],
      run(input) {
        // Refused or taken, never thrown.
        must(typeof decoder.fromBytes(input).ok === 'boolean', 'no verdict');
        const message = decode(decoder.type, input);
        if (!message.ok) return;
        const again = decode(decoder.type, encode(decoder.type, message.value));
        must(again.ok, 'a message that was read cannot be written and read');
        if (again.ok) must(isDeepStrictEqual(again.value, message.value), 'a message changes on its way');
      },
    }),
  ),
  {
    name: 'bootstrap',
    seeds: [
      Buffer.from(bootstrap),
      Buffer.from('{}'),
      Buffer.from('static_resources: {clusters: [{name: c}]}'),
      Buffer.from('a: &x [1]\nb: *x'),
    ],
    words: [
      '\n',
      ': ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '"',
      "'",
      '&a',
      '*a',
      '|',
      '>',
      '#',
      '!!',
      '\t',
      'static_resources',
      'clusters',
      'name',
    ],
    run(input) {
      const parsed = parseText(input.toString('utf8'), 'bootstrap.yaml');
      if (!parsed.ok) return;
      const decoded = decodeBootstrap(parsed.value.value);
      if (!decoded.ok) must(parsed.value.locate(decoded.problems).length > 0, 'refused without a reason');
    },
  },
];
