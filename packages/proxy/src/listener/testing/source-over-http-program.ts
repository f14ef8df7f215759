import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import { connect, type AddressInfo } from 'node:net';
import process from 'node:process';
import { createDataPlane } from '../../create-data-plane.ts';
import {
  clusterFromJson,
  filterTypes,
  listenerFromJson,
  routerJson,
  routesJson,
} from '../../testing/envoy-config.ts';

// Run by transparent.test.ts in a network namespace of its own: prints what the endpoint saw, as JSON.

const at = 'type.googleapis.com/envoy.extensions';
const [, backendPort = '0'] = process.argv.slice(2);

/** Endpoints that say who connected to them. */
const backend = createServer(({ socket }, response) =>
  response.end(`${socket.remoteAddress}:${socket.remotePort}`),
);
backend.listen(Number(backendPort), '127.0.0.1');
await once(backend, 'listening');
const backend2 = createHttp2Server((request, response) => {
  const { socket } = request.stream.session ?? {};
  response.end(`${socket?.remoteAddress}:${socket?.remotePort}`);
});
backend2.listen(Number(backendPort), '127.0.0.2');
await once(backend2, 'listening');

const listenerFilters = [
  {
    name: 'envoy.filters.listener.proxy_protocol',
    typed_config: { '@type': `${at}.filters.listener.proxy_protocol.v3.ProxyProtocol` },
  },
  {
    name: 'envoy.filters.listener.original_src',
    typed_config: { '@type': `${at}.filters.listener.original_src.v3.OriginalSrc`, mark: 7 },
  },
];
const httpFilter = {
  name: 'envoy.filters.http.original_src',
  typed_config: { '@type': `${filterTypes}.original_src.v3.OriginalSrc`, mark: 7 },
};
const routes = [
  { match: { prefix: '/2' }, route: { cluster: 'http2' } },
  { match: { prefix: '/' }, route: { cluster: 'http1' } },
];
const listener = (name: string, filters: readonly object[], more: object) =>
  listenerFromJson({ route_config: routesJson(routes), http_filters: [...filters, routerJson] }, undefined, {
    name,
    ...more,
  });

const { port } = backend.address() as AddressInfo;
const dataPlane = createDataPlane();
const { refused } = await dataPlane.update({
  clusters: {
    set: [
      clusterFromJson('http1', [port]),
      clusterFromJson('http2', [port], {
        load_assignment: {
          cluster_name: 'http2',
          endpoints: [
            {
              lb_endpoints: [
                { endpoint: { address: { socket_address: { address: '127.0.0.2', port_value: port } } } },
              ],
            },
          ],
        },
        typed_extension_protocol_options: {
          'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
            '@type': `${at}.upstreams.http.v3.HttpProtocolOptions`,
            explicit_http_config: { http2_protocol_options: {} },
          },
        },
      }),
    ],
  },
  listeners: {
    set: [
      listener('connection', [], { listener_filters: listenerFilters }),
      listener('request', [httpFilter], {}),
    ],
  },
});

/** The body of the answer to a request on a connection of its own. */
async function ask(name: string, before: string, path: string, header = ''): Promise<string> {
  const bound = dataPlane.listeners().find((one) => one.listener.name === name)?.boundAddresses[0];
  const socket = connect({ host: '127.0.0.1', port: bound?.kind === 'socket' ? bound.port : 0 });
  socket.write(`${before}GET ${path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${header}\r\n`);
  let all = '';
  socket.on('data', (chunk) => (all += chunk.toString()));
  socket.on('error', (error) => (all += error.message));
  await once(socket, 'close');
  return /\d+\.\d+\.\d+\.\d+:\d+/.exec(all)?.[0] ?? all;
}

const from = (address: string): string => `PROXY TCP4 ${address} 198.51.100.1 40007 80\r\n`;
const seen = {
  refused,
  connection: [
    await ask('connection', from('192.0.2.7'), '/'),
    await ask('connection', from('192.0.2.8'), '/'),
    await ask('connection', from('192.0.2.7'), '/'),
  ],
  http2: [
    await ask('connection', from('192.0.2.7'), '/2'),
    await ask('connection', from('192.0.2.8'), '/2'),
    await ask('connection', from('192.0.2.7'), '/2'),
  ],
  request: [
    await ask('request', '', '/', 'x-forwarded-for: 192.0.2.9\r\n'),
    await ask('request', '', '/', 'x-forwarded-for: 192.0.2.10\r\n'),
    await ask('request', '', '/', 'x-forwarded-for: 192.0.2.9\r\n'),
    await ask('request', '', '/'),
  ],
};
process.stdout.write(JSON.stringify(seen));
await dataPlane.close();
backend.close();
backend2.close();
process.exit(0);
