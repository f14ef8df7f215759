import { accessLog, connectionManager, httpBootstrap, typeOf } from '../../bootstrap.ts';
import type { ClientTls, CompareCase, Setup, Step, Theme } from '../../case.ts';
import { certificates, shows } from '../../certificates.ts';
import { get } from '../../request.ts';
import { greeting, pieces, withName } from './greetings.ts';
import { reasons } from './reasons.ts';

const fields = {
  code: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  sni: '%REQUESTED_SERVER_NAME%',
  chain: '%FILTER_CHAIN_NAME%',
  remote: '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  failure: '%DOWNSTREAM_TRANSPORT_FAILURE_REASON%',
};
const inspectors = ['tls', 'http'].map((kind) => ({
  name: `${kind}_inspector`,
  typed_config: {
    '@type': typeOf(`filters.listener.${kind}_inspector.v3.${kind === 'tls' ? 'Tls' : 'Http'}Inspector`),
  },
}));
const proxyProtocol = {
  name: 'proxy_protocol',
  typed_config: { '@type': typeOf('filters.listener.proxy_protocol.v3.ProxyProtocol') },
};
const tls = {
  transport_socket: {
    name: 'tls',
    typed_config: {
      '@type': typeOf('transport_sockets.tls.v3.DownstreamTlsContext'),
      common_tls_context: { ...shows(certificates.proxy), alpn_protocols: ['http/1.1'] },
    },
  },
};

/** A chain that answers by HTTP, without TLS. */
const plain = (name: string, match: object): object => ({
  name,
  filter_chain_match: match,
  filters: [connectionManager({ manager: { access_log: [accessLog(fields)] } })],
});
const secure = (name: string, match: object): object => ({ ...plain(name, match), ...tls });
/** One that says its name to whatever comes: what is no TLS to it is not looked at. */
const direct = (name: string, match: object): object => ({
  name,
  filter_chain_match: match,
  filters: [
    {
      name: 'direct',
      typed_config: {
        '@type': typeOf('filters.network.direct_response.v3.Config'),
        response: { inline_string: name },
      },
    },
  ],
});

const setup = (
  name: string,
  chains: readonly object[],
  cases: readonly CompareCase[],
  more: object = {},
): Setup => ({
  name,
  bootstrap: httpBootstrap({
    listener: {
      listener_filters: inspectors,
      access_log: [accessLog({ ...fields, of: 'listener' })],
      filter_chains: chains,
      ...more,
    },
  }),
  cases,
});

const asks = (what: string, tls: ClientTls, more: Partial<CompareCase> = {}): CompareCase => ({
  what,
  clients: [{ send: [get('/')], tls }],
  ...more,
});
const says = (what: string, send: readonly Step[], more: Partial<CompareCase> = {}): CompareCase => ({
  what,
  clients: [{ send }],
  protocol: 'tcp',
  ...more,
});
const namedBy = (name: string): CompareCase => says(`greets "${name}"`, [greeting(withName(name))]);

const names = setup(
  'names',
  [
    direct('exact', { server_names: ['a.test'] }),
    direct('exact below', { server_names: ['b.a.test'] }),
    direct('wildcard', { server_names: ['*.a.test'] }),
    direct('two', { server_names: ['two.test', '*.two.test'] }),
    direct('address', { server_names: ['10.0.0.1'] }),
    direct('raw', { transport_protocol: 'raw_buffer' }),
  ],
  [
    ...[
      'a.test',
      'A.TEST',
      'a.Test',
      'b.a.test',
      'c.a.test',
      'c.b.a.test',
      'xa.test',
      '.a.test',
      'a.test.',
      'b.a.test.',
      'two.test',
      'x.two.test',
      'test',
      'other',
      '*.a.test',
      '*',
      '10.0.0.1',
      'a.test\0.evil',
      '\0',
      ' a.test',
      'a.test ',
      'a_b.a.test',
      'a..a.test',
      '\u00e4.a.test',
      'A\u0130.a.test',
      'xn--a.a.test',
      'a.test:443',
      'x'.repeat(255),
      `${'x'.repeat(300)}.a.test`,
    ].map(namedBy),
    says('no name', [greeting([])]),
    says('an empty name', [greeting(withName(''))]),
    says('two names', [greeting(withName('a.test', 'other.test'))]),
    says('a name of another kind', [greeting([[0, '0009010006' + Buffer.from('a.test').toString('hex')]])]),
    says('the extension twice', [greeting([...withName('a.test'), ...withName('b.a.test')])]),
    says('a name longer than its list', [
      greeting([[0, '0009000016' + Buffer.from('a.test').toString('hex')]]),
    ]),
    says('a name and more after it', [
      greeting([[0, '0009000006' + Buffer.from('a.test').toString('hex') + 'ffff']]),
    ]),
    says('an empty list', [greeting([[0, '0000']])]),
    says('an empty extension', [greeting([[0, '']])]),
    says('HTTP', [get('/')]),
    says('nothing', []),
    says('nothing, and ends', [{ end: true }]),
  ],
);

const hello = greeting(withName('a.test'));
const inPieces = setup(
  'pieces',
  [direct('exact', { server_names: ['a.test'] }), direct('raw', { transport_protocol: 'raw_buffer' })],
  [
    says('by bytes', pieces(hello, 1)),
    says('in two', pieces(hello, 40)),
    says('the first byte, and ends', [hello.subarray(0, 1), { end: true }]),
    says('half, and ends', [hello.subarray(0, 40), { end: true }]),
    says('half, and resets', [hello.subarray(0, 40), { waitMs: 40 }, { reset: true }]),
    says('in two records', [greeting(withName('a.test'), { recordBytes: 30 })]),
    says('in records of a byte', [greeting(withName('a.test'), { recordBytes: 1 })]),
    says('an empty record first', [Buffer.concat([Buffer.from('1603010000', 'hex'), hello])]),
    says('another version of the record', [greeting(withName('a.test'), { recordVersion: '0303' })]),
    says('a version of the record that is none', [greeting(withName('a.test'), { recordVersion: '0399' })]),
    says('TLS 9 in the record', [greeting(withName('a.test'), { recordVersion: '0901' })]),
    says('SSL 3', [greeting(withName('a.test'), { version: '0300' })]),
    says('TLS 1.0', [greeting(withName('a.test'), { version: '0301' })]),
    says('another message', [greeting(withName('a.test'), { message: 2 })]),
    says('an alert', [Buffer.from('15030100020100', 'hex')]),
    says('a large record', [Buffer.from(`160301ffff01${'78'.repeat(20)}`, 'hex')]),
    says('a message that does not end', [
      Buffer.from('16030100050100ffff03', 'hex'),
      { waitMs: 50 },
      Buffer.from('1603010002 0303'.replace(' ', ''), 'hex'),
    ]),
    says('SSL 2', [Buffer.from('802e0103010015000000100000', 'hex')]),
    says('with extensions of 20 KB', [
      greeting([...withName('a.test'), [21, '00'.repeat(20_000)]], { recordBytes: 16_000 }),
    ]),
    says('the name after 20 KB', [
      greeting([[21, '00'.repeat(20_000)], ...withName('a.test')], { recordBytes: 16_000 }),
    ]),
    says('HTTP/1.0', ['GET / HTTP/1.0\r\n\r\n']),
    says('a method that is none', ['\x01\x02\r\n\r\n']),
  ],
);

const order = setup(
  'order',
  [
    secure('name', { server_names: ['a.test'] }),
    secure('protocol', { application_protocols: ['http/1.1'], transport_protocol: 'tls' }),
    secure('name and protocol', { server_names: ['both.test'], application_protocols: ['http/1.1'] }),
    secure('only that protocol', { server_names: ['strict.test'], application_protocols: ['x'] }),
    plain('http', { application_protocols: ['http/1.1'], transport_protocol: 'raw_buffer' }),
    secure('range', {
      server_names: ['range.test'],
      prefix_ranges: [{ address_prefix: '127.0.0.0', prefix_len: 8 }],
    }),
    plain('far', {
      source_prefix_ranges: [{ address_prefix: '10.0.0.0', prefix_len: 8 }],
      transport_protocol: 'tls',
    }),
  ],
  [
    asks('name', { servername: 'a.test' }),
    asks('name and any protocol', { servername: 'a.test', ALPNProtocols: ['http/1.1'] }),
    asks('protocol', { servername: 'x.test', ALPNProtocols: ['http/1.1'] }),
    asks('both', { servername: 'both.test', ALPNProtocols: ['http/1.1'] }),
    asks('both, without protocol', { servername: 'both.test' }),
    asks('strict, another protocol', { servername: 'strict.test', ALPNProtocols: ['http/1.1'] }),
    asks('neither', { servername: 'x.test' }),
    asks('range', { servername: 'range.test' }),
    asks('range, another name', { servername: 'a.test', ALPNProtocols: ['x'] }),
    { what: 'plain', clients: [{ send: [get('/')] }] },
    says('plain, no HTTP', ['\x01\x02\x03\x04\x05\x06\r\n']),
  ],
);

const from = (address: string, port = 1234): string => `PROXY TCP4 ${address} 127.0.0.1 ${port} 80\r\n`;
const range = (address_prefix: string, prefix_len: number) => ({ address_prefix, prefix_len });
const sources = setup(
  'sources',
  [
    plain('eight', { source_prefix_ranges: [range('10.0.0.0', 8)] }),
    plain('sixteen', { source_prefix_ranges: [range('10.1.0.0', 16)] }),
    plain('one', { source_prefix_ranges: [range('10.1.1.1', 32)] }),
    plain('one and a port', { source_prefix_ranges: [range('10.1.1.1', 32)], source_ports: [7] }),
    plain('external', { source_type: 'EXTERNAL' }),
    plain('local', { source_type: 'SAME_IP_OR_LOOPBACK' }),
    plain('direct', { direct_source_prefix_ranges: [range('192.0.2.0', 24)] }),
    plain('six', { source_prefix_ranges: [range('2001:db8::', 32)] }),
    plain('port', { destination_port: 81 }),
    plain('port, near', { destination_port: 81, source_type: 'SAME_IP_OR_LOOPBACK' }),
  ],
  [
    ...['10.2.3.4', '10.1.2.3', '10.1.1.1', '127.0.0.1', '127.0.0.2', '192.0.2.7', '198.51.100.1'].map(
      (address) => ({
        what: `from ${address}`,
        clients: [{ send: [`${from(address)}${get('/')}`] }],
      }),
    ),
    { what: 'from 10.1.1.1, port 7', clients: [{ send: [`${from('10.1.1.1', 7)}${get('/')}`] }] },
    ...['2001:db8::1', '2001:db9::1', '::1', '::ffff:10.1.1.1'].map((address) => ({
      what: `from ${address}`,
      clients: [{ send: [`PROXY TCP6 ${address} 2001:db8::2 8080 80\r\n${get('/')}`] }],
    })),
    ...['127.0.0.1', '10.1.1.1'].map((address) => ({
      what: `to port 81 from ${address}`,
      clients: [{ send: [`PROXY TCP4 ${address} 127.0.0.1 8080 81\r\n${get('/')}`] }],
    })),
  ],
  { listener_filters: [proxyProtocol] },
);

const fallback = setup(
  'default',
  [direct('exact', { server_names: ['a.test'] })],
  [namedBy('a.test'), namedBy('b.test'), says('no name', [greeting([])]), says('HTTP', [get('/')])],
  { default_filter_chain: direct('default', {}) },
);
const none = setup(
  'uninspected',
  [direct('exact', { server_names: ['a.test'] }), direct('raw', { transport_protocol: 'raw_buffer' })],
  [namedBy('a.test'), says('HTTP', [get('/')])],
  {
    listener_filters: [],
  },
);

/** Which filter chain takes a connection. */
export const chains: Theme = {
  name: 'chains',
  reasons,
  setups: [names, inPieces, order, sources, fallback, none],
};
