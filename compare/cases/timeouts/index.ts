import { httpBootstrap } from '../../bootstrap.ts';
import type { CompareCase, Reply, Setup, Theme } from '../../case.ts';
import { get, post, sends } from '../../request.ts';
import { reasons } from './reasons.ts';

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n';
const never: Reply = { send: [{ waitMs: 1_500 }] };
const stalls: Reply = { send: [`${ok}he`, { waitMs: 1_500 }] };
const to = (path: string, route: object): object => ({
  match: { prefix: path },
  route: { cluster: 'up', ...route },
});
const waits = (what: string, bytes: string, up: readonly Reply[] = [never]): CompareCase =>
  sends(what, bytes, { up, quietMs: 900 });
const rpc = (...lines: readonly string[]): string =>
  post('', 'content-type: application/grpc', 'content-length: 0', ...lines);

const routes: Setup = {
  name: 'routes',
  bootstrap: httpBootstrap({
    routes: [
      to('/total', { timeout: '0.2s' }),
      to('/idle', { idle_timeout: '0.2s', timeout: '0s' }),
      to('/max', { max_stream_duration: { max_stream_duration: '0.2s' }, timeout: '0s' }),
      to('/grpc', {
        max_stream_duration: { grpc_timeout_header_max: '0.3s', grpc_timeout_header_offset: '0.05s' },
        timeout: '0s',
      }),
      to('/', { max_stream_duration: { grpc_timeout_header_max: '0s' } }),
    ],
  }),
  cases: [
    waits('total', get('/total')),
    waits('total, in the answer', get('/total'), [stalls]),
    waits('total, with an incomplete body', post('abc', 'content-length: 10').replace(' / ', ' /total ')),
    waits('total, gRPC', rpc().replace(' / ', ' /total ')),
    waits('idle', get('/idle')),
    waits('idle, in the answer', get('/idle'), [stalls]),
    waits('idle, gRPC', rpc().replace(' / ', ' /idle ')),
    waits('idle, with an incomplete body', post('abc', 'content-length: 10').replace(' / ', ' /idle ')),
    waits('longest duration', get('/max')),
    waits('longest duration, in the answer', get('/max'), [stalls]),
    waits('grpc-timeout', rpc('grpc-timeout: 100m').replace(' / ', ' /grpc ')),
    waits('grpc-timeout above the maximum', rpc('grpc-timeout: 5S').replace(' / ', ' /grpc ')),
    waits('no grpc-timeout', rpc().replace(' / ', ' /grpc ')),
    waits('grpc-timeout without limit', rpc('grpc-timeout: 100m')),
  ],
};

const connections: Setup = {
  name: 'connections',
  bootstrap: httpBootstrap({
    manager: {
      request_timeout: '0.3s',
      request_headers_timeout: '0.2s',
      stream_idle_timeout: '0.4s',
      common_http_protocol_options: { idle_timeout: '0.5s', max_connection_duration: '1s' },
    },
  }),
  cases: [
    waits('a head that does not come', 'GET / HTTP/1.1\r\nho'),
    waits('a request line that does not come', 'GE'),
    waits('nothing comes', ''),
    waits('a body that does not come', post('abc', 'content-length: 10')),
    waits('an answer that does not come', get('/')),
    waits('an answer that stalls', get('/'), [stalls]),
    waits('an idle connection', get('/'), []),
    {
      what: 'the longest time of a connection',
      clients: [{ send: Array.from({ length: 8 }, () => [get('/'), { waitMs: 200 }]).flat() }],
      quietMs: 500,
    },
  ],
};

const upstreamTimes: Setup = {
  name: 'upstream',
  bootstrap: httpBootstrap({
    cluster: {
      connect_timeout: '0.2s',
      typed_extension_protocol_options: {
        'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
          '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
          explicit_http_config: { http_protocol_options: {} },
          common_http_protocol_options: {
            idle_timeout: '0.3s',
            max_connection_duration: '0.6s',
            max_requests_per_connection: 3,
            max_stream_duration: '0.25s',
          },
        },
      },
    },
  }),
  cases: [
    { what: 'idle', clients: [{ send: [get('/'), { waitMs: 500 }, get('/')] }] },
    {
      what: 'duration',
      clients: [
        { send: [get('/'), { waitMs: 250 }, get('/'), { waitMs: 250 }, get('/'), { waitMs: 250 }, get('/')] },
      ],
    },
    {
      what: 'requests',
      clients: [{ send: Array.from({ length: 5 }, () => [get('/'), { waitMs: 30 }]).flat() }],
    },
    waits('longest stream', get('/')),
  ],
};

export const timeouts: Theme = { name: 'timeouts', reasons, setups: [routes, connections, upstreamTimes] };
