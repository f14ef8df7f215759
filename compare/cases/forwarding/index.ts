import { http1Cluster, httpBootstrap, typeOf } from '../../bootstrap.ts';
import type { CompareCase, Setup, Theme } from '../../case.ts';
import { get, sends } from '../../request.ts';
import { reasons } from './reasons.ts';

const cases: readonly CompareCase[] = [
  sends('nothing', get('/')),
  sends('one address of outside', get('/', 'x-forwarded-for: 1.2.3.4')),
  sends('one address of inside', get('/', 'x-forwarded-for: 10.0.0.1')),
  sends('two addresses', get('/', 'x-forwarded-for: 1.2.3.4, 10.0.0.1')),
  sends('three addresses', get('/', 'x-forwarded-for: 1.2.3.4,5.6.7.8, 10.0.0.1')),
  sends('two headers', get('/', 'x-forwarded-for: 1.2.3.4', 'x-forwarded-for: 10.0.0.1')),
  sends('an address of version 6', get('/', 'x-forwarded-for: ::1')),
  sends('an address with a port', get('/', 'x-forwarded-for: 1.2.3.4:80')),
  sends('no address', get('/', 'x-forwarded-for: unknown')),
  sends('empty', get('/', 'x-forwarded-for:')),
  sends('proto https', get('/', 'x-forwarded-proto: https')),
  sends('proto nobody knows', get('/', 'x-forwarded-proto: ftp')),
  sends('proto empty', get('/', 'x-forwarded-proto:')),
  sends('host and port', get('/', 'x-forwarded-host: b', 'x-forwarded-port: 81')),
  sends('a certificate', get('/', 'x-forwarded-client-cert: By=a;Hash=b')),
  sends('request id', get('/', 'x-request-id: 12345678-1234-4234-8234-123456789012')),
  sends('request id of another form', get('/', 'x-request-id: abc')),
  sends('trace forced', get('/', 'x-envoy-force-trace: 1', 'x-client-trace-id: a')),
  sends(
    'trace contexts',
    get(
      '/',
      'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'x-b3-traceid: 463ac35c9f6413ad',
      'x-b3-spanid: a2fb4a1d1a96d312',
      'x-b3-sampled: 1',
    ),
  ),
  sends(
    'headers of Envoy',
    get(
      '/',
      'x-envoy-internal: true',
      'x-envoy-external-address: 9.9.9.9',
      'x-envoy-decorator-operation: op',
      'x-envoy-original-path: /b',
      'x-envoy-ip-tags: c',
      'x-envoy-downstream-service-cluster: d',
      'x-envoy-upstream-alt-stat-name: f',
      'x-envoy-attempt-count: 3',
    ),
  ),
  sends('via', get('/', 'via: 1.1 b')),
  sends('user agent', get('/', 'user-agent: me')),
];
const internal = {
  unix_sockets: true,
  cidr_ranges: ['10.0.0.0', '127.0.0.0'].map((address_prefix) => ({ address_prefix, prefix_len: 8 })),
};
const setup = (name: string, manager: object, top: object = {}): Setup => ({
  name,
  bootstrap: httpBootstrap({ manager: { internal_address_config: internal, ...manager }, top }),
  cases,
});

const keepsCase = {
  header_key_format: {
    stateful_formatter: {
      name: 'preserve_case',
      typed_config: {
        '@type': typeOf('http.header_formatters.preserve_case.v3.PreserveCaseFormatterConfig'),
      },
    },
  },
};
const kept: Setup = {
  name: 'case',
  bootstrap: httpBootstrap({
    manager: { http_protocol_options: keepsCase, via: 'us' },
    cluster: http1Cluster(keepsCase),
  }),
  cases: [
    sends('host', 'GET / HTTP/1.1\r\nHOST: a\r\nX-Name: 1\r\nx-REQUEST-id: a\r\n\r\n'),
    sends('two spellings', 'GET / HTTP/1.1\r\nhost: a\r\nX-One: 1\r\nx-oNE: 2\r\n\r\n'),
    sends(
      'chunks',
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nVia: x\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    ),
    sends('a length', 'POST / HTTP/1.1\r\nHost: a\r\nCONTENT-length: 0\r\nTE: trailers\r\n\r\n'),
    sends('the end', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\nX-FORWARDED-Proto: http\r\n\r\n'),
  ],
};

export const forwarding: Theme = {
  name: 'forwarding',
  reasons,
  setups: [
    kept,
    setup('behind', {}),
    setup('behind-hops', { xff_num_trusted_hops: 1 }),
    setup('edge', { use_remote_address: true }),
    setup('edge-hops', { use_remote_address: true, xff_num_trusted_hops: 1 }),
    setup('edge-quiet', { use_remote_address: true, skip_xff_append: true, generate_request_id: false }),
    setup('signed', {
      add_user_agent: true,
      via: 'us',
      server_name: 'our',
      server_header_transformation: 'APPEND_IF_ABSENT',
      append_x_forwarded_port: true,
      always_set_request_id_in_response: true,
      preserve_external_request_id: true,
      scheme_header_transformation: { scheme_to_overwrite: 'https' },
    }),
    setup('named', { add_user_agent: true }, { node: { id: 'node', cluster: 'front' } }),
    setup('hosts', {
      strip_any_host_port: true,
      strip_trailing_host_dot: true,
      represent_ipv4_remote_address_as_ipv4_mapped_ipv6: true,
    }),
  ],
};
