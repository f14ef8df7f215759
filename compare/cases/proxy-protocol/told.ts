import { accessLog, httpBootstrap, typeOf } from '../../bootstrap.ts';
import type { CompareCase, Setup } from '../../case.ts';
import { get } from '../../request.ts';

const logged = {
  code: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  remote: '%DOWNSTREAM_REMOTE_ADDRESS%',
  direct: '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%',
  local: '%DOWNSTREAM_LOCAL_ADDRESS%',
  upstream_local: '%UPSTREAM_LOCAL_ADDRESS%',
  upstream_remote: '%UPSTREAM_REMOTE_ADDRESS%',
  received: '%UPSTREAM_WIRE_BYTES_SENT%',
};

const raw = {
  name: 'raw',
  typed_config: { '@type': typeOf('transport_sockets.raw_buffer.v3.RawBuffer') },
};
/** Tells endpoints of clients. */
const tells = (config: object): object => ({
  transport_socket: {
    name: 'proxy_protocol',
    typed_config: {
      '@type': typeOf('transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport'),
      config,
      transport_socket: raw,
    },
  },
});
const listens = (config: object = {}): object => ({
  listener_filters: [
    {
      name: 'proxy_protocol',
      typed_config: {
        '@type': typeOf('filters.listener.proxy_protocol.v3.ProxyProtocol'),
        allow_requests_without_proxy_protocol: true,
        ...config,
      },
    },
  ],
});
const byTcp = {
  filter_chains: [
    {
      filters: [
        {
          name: 'tcp',
          typed_config: {
            '@type': typeOf('filters.network.tcp_proxy.v3.TcpProxy'),
            stat_prefix: 'tcp',
            cluster: 'up',
            access_log: [accessLog(logged)],
          },
        },
      ],
    },
  ],
};

const signature = '\r\n\r\n\0\r\nQUIT\n';
const v2 = (family: number, body: string, command = 0x21): string =>
  `${signature}${String.fromCharCode(command, family, body.length >> 8, body.length & 255)}${body}`;
const ends = '\x0a\x01\x02\x03\x0a\x04\x05\x06\x1f\x90\x00\x50';
const six = (last: number): string => `\x20\x01\x0d\xb8${'\0'.repeat(11)}${String.fromCharCode(last)}`;
const tlv = (type: number, value: string): string =>
  `${String.fromCharCode(type, value.length >> 8, value.length & 255)}${value}`;
const tlvs = `${tlv(1, 'h2')}${tlv(0xea, 'vpc')}${tlv(0xea, 'second')}${tlv(0xeb, '')}`;

const headers = {
  'no header': '',
  v1: 'PROXY TCP4 10.1.2.3 10.4.5.6 8080 80\r\n',
  'v1 of IPv6': 'PROXY TCP6 2001:db8::1 2001:db8::2 8080 80\r\n',
  'v1 of IPv4 in IPv6': 'PROXY TCP6 ::ffff:10.1.2.3 ::ffff:10.4.5.6 8080 80\r\n',
  'v1 of nobody': 'PROXY UNKNOWN\r\n',
  v2: v2(0x11, ends),
  'v2 of IPv6': v2(0x21, `${six(1)}${six(2)}\x1f\x90\x00\x50`),
  'v2 of the proxy itself': v2(0x11, ends, 0x20),
  'v2 with TLVs': v2(0x11, `${ends}${tlvs}`),
  'v2 with a long TLV': v2(0x11, `${ends}${tlv(0xea, 'x'.repeat(5_000))}`),
};
const toTcp = Object.entries(headers).map(
  ([what, header]): CompareCase => ({
    what,
    clients: [{ send: [`${header}hi`, { until: 'welcome' }] }],
    protocol: 'tcp',
    up: [{ on: 'connect', send: [{ until: 'hi' }, 'welcome'] }],
  }),
);
const welcome = 'HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nwelcome';
const request = get('/');
const answered: CompareCase['up'] = [{ on: 'connect', send: [{ until: 'GET ' }, welcome] }];
const toHttp = Object.entries(headers).map(
  ([what, header]): CompareCase => ({ what, clients: [{ send: [`${header}${request}`] }], up: answered }),
);
const pooled: readonly CompareCase[] = [
  {
    what: 'two clients, one after another',
    clients: [
      { send: [`${headers.v1}${request}`] },
      { send: [{ waitMs: 100 }, `PROXY TCP4 10.9.9.9 10.4.5.6 8080 80\r\n${request}`] },
    ],
    up: answered,
  },
  {
    what: 'one client, whose address is the same',
    clients: [{ send: [`${headers.v1}${request}`] }, { send: [{ waitMs: 150 }, `${headers.v1}${request}`] }],
    up: [{ on: 'connect', send: [{ until: 'GET ' }, welcome, { waitMs: 120 }, welcome] }],
  },
];

const setup = (name: string, cluster: object, listener: object, cases: readonly CompareCase[]): Setup => ({
  name,
  rawEndpoints: ['up'],
  bootstrap: httpBootstrap({ cluster, listener, manager: { access_log: [accessLog(logged)] } }),
  cases,
});
const all = { pass_through_tlvs: { match_type: 'INCLUDE_ALL' } };
const some = { pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [0xea] } };
const withTlvs = toTcp.filter(({ what }) => what.includes('TLV') || what === 'v2');

/** What endpoints are told of clients. */
export const told: readonly Setup[] = [
  setup('tells v1', tells({}), { ...listens(), ...byTcp }, toTcp),
  setup('tells v2', tells({ version: 'V2' }), { ...listens(), ...byTcp }, toTcp),
  setup('tells v2, without a listener filter', tells({ version: 'V2' }), byTcp, toTcp.slice(0, 1)),
  setup('tells all', tells({ version: 'V2', ...all }), { ...listens(all), ...byTcp }, withTlvs),
  setup('tells some', tells({ version: 'V2', ...some }), { ...listens(all), ...byTcp }, withTlvs),
  setup('tells all of some', tells({ version: 'V2', ...all }), { ...listens(some), ...byTcp }, withTlvs),
  setup('tells all of none', tells({ version: 'V2', ...all }), { ...listens(), ...byTcp }, withTlvs),
  setup('tells v1, with TLVs', tells(all), { ...listens(all), ...byTcp }, withTlvs),
  setup('tells by HTTP, v1', tells({}), listens(), [...toHttp, ...pooled]),
  setup('tells by HTTP, v2', tells({ version: 'V2', ...all }), listens(all), [...toHttp, ...pooled]),
];
