import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import process from 'node:process';
import { createDataPlane } from '../../create-data-plane.ts';
import { clusterFromJson, listenerFromJson } from '../../testing/envoy-config.ts';

// Run by transparent.test.ts in a network namespace of its own: prints what was seen, as JSON.

const at = 'type.googleapis.com/envoy.extensions';
const [proxyPort = '0', backendPort = '0'] = process.argv.slice(2);

/** An endpoint that says from where it was connected to. */
const backend = createServer((peer) => peer.end(`${peer.remoteAddress}:${peer.remotePort}`));
backend.listen(Number(backendPort), '127.0.0.1');
await once(backend, 'listening');

const saying = (text: string) => ({
  filters: [
    {
      name: 'envoy.filters.network.direct_response',
      typed_config: {
        '@type': `${at}.filters.network.direct_response.v3.Config`,
        response: { inline_string: text },
      },
    },
  ],
});
const toBackend = {
  filters: [
    {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: {
        '@type': `${at}.filters.network.tcp_proxy.v3.TcpProxy`,
        stat_prefix: 'tcp',
        cluster: 'backend',
      },
    },
  ],
};
const originalSrc = (more: object) => ({
  name: 'envoy.filters.listener.original_src',
  typed_config: { '@type': `${at}.filters.listener.original_src.v3.OriginalSrc`, mark: 7, ...more },
});
const proxyProtocol = {
  name: 'envoy.filters.listener.proxy_protocol',
  typed_config: { '@type': `${at}.filters.listener.proxy_protocol.v3.ProxyProtocol` },
};
const listener = (name: string, port: number, more: object) => ({
  ...listenerFromJson({}, undefined, {
    name,
    address: { socket_address: { address: '0.0.0.0', port_value: port } },
    ...more,
  }),
});

const tproxy = (transparent: boolean) =>
  listener('tproxy', Number(proxyPort), {
    transparent,
    listener_filters: [
      {
        name: 'envoy.filters.listener.original_dst',
        typed_config: { '@type': `${at}.filters.listener.original_dst.v3.OriginalDst` },
      },
    ],
    filter_chains: [
      {
        filter_chain_match: {
          destination_port: 80,
          prefix_ranges: [{ address_prefix: '198.51.100.1', prefix_len: 32 }],
        },
        ...saying('wanted 198.51.100.1:80'),
      },
    ],
    default_filter_chain: saying('something else'),
  });

const dataPlane = createDataPlane();
const { refused } = await dataPlane.update({
  clusters: {
    set: [
      clusterFromJson(
        'backend',
        [backend.address() as AddressInfo].map(({ port }) => port),
      ),
    ],
  },
  listeners: {
    set: [
      tproxy(true),
      listener('source', 0, {
        listener_filters: [proxyProtocol, originalSrc({})],
        filter_chains: [toBackend],
      }),
      listener('source_and_port', 0, {
        listener_filters: [proxyProtocol, originalSrc({ bind_port: true })],
        filter_chains: [toBackend],
      }),
    ],
  },
});

async function answerOf(address: string, port: number, text = ''): Promise<string> {
  const socket = connect({ host: address, port, allowHalfOpen: true });
  let all = '';
  socket.on('data', (chunk) => (all += chunk.toString()));
  socket.on('error', (error) => (all += error.message));
  socket.on('end', () => socket.end());
  if (text !== '') socket.write(text);
  await new Promise((resolve) => socket.once('close', resolve));
  return all;
}

function portOf(name: string): number {
  const bound = dataPlane.listeners().find((one) => one.listener.name === name)?.boundAddresses[0];
  return bound?.kind === 'socket' ? bound.port : 0;
}

/** What comes by TPROXY once the listener has another version. */
async function tproxyAfter(transparent: boolean): Promise<string> {
  await dataPlane.update({ listeners: { set: [tproxy(transparent)] } });
  const socket = connect({ host: '198.51.100.1', port: 80, timeout: 500 });
  const timedOut = once(socket, 'timeout').then(() => 'nobody');
  const answered = once(socket, 'data').then(([bytes]: Buffer[]) => String(bytes));
  const refusedIt = once(socket, 'error').then(() => 'nobody');
  const first = await Promise.race([timedOut, answered, refusedIt]);
  socket.destroy();
  return first;
}

const header = 'PROXY TCP4 192.0.2.7 198.51.100.1 40007 80\r\n';
const seen = {
  refused,
  tproxy: await answerOf('198.51.100.1', 80),
  kept: [await tproxyAfter(false), await tproxyAfter(true)],
  source: await answerOf('127.0.0.1', portOf('source'), header),
  sourceAndPort: await answerOf('127.0.0.1', portOf('source_and_port'), header),
};
process.stdout.write(JSON.stringify(seen));
await dataPlane.close();
backend.close();
process.exit(0);
