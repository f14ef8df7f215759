import type { ConnectionOptions } from 'node:tls';
import { certificates, inline, shows } from '../../certificates.ts';
import { accessLog, connectionManager, httpBootstrap, typeOf, type HttpSetup } from '../../bootstrap.ts';
import type { ClientTls, CompareCase, Setup, Theme } from '../../case.ts';
import { get } from '../../request.ts';
import { reasons } from './reasons.ts';

const { root, proxy, proxyRsa, second, client, deep, nameless, expired, early, stranger } = certificates;

const operators = [
  'TLS_VERSION',
  'TLS_CIPHER',
  'TLS_SESSION_ID',
  'PEER_URI_SAN',
  'PEER_DNS_SAN',
  'PEER_IP_SAN',
  'PEER_EMAIL_SAN',
  'PEER_SUBJECT',
  'PEER_ISSUER',
  'PEER_SERIAL',
  'PEER_FINGERPRINT_256',
  'PEER_FINGERPRINT_1',
  'PEER_CHAIN_FINGERPRINTS_256',
  'PEER_CHAIN_FINGERPRINTS_1',
  'PEER_CHAIN_SERIALS',
  'PEER_CERT',
  'PEER_CERT_V_START',
  'PEER_CERT_V_END',
  'LOCAL_URI_SAN',
  'LOCAL_DNS_SAN',
  'LOCAL_SUBJECT',
  'TRANSPORT_FAILURE_REASON',
  'DETECTED_CLOSE_TYPE',
  'LOCAL_CLOSE_REASON',
];
const fields = {
  code: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  termination: '%CONNECTION_TERMINATION_DETAILS%',
  sni: '%REQUESTED_SERVER_NAME%',
  chain: '%FILTER_CHAIN_NAME%',
  protocol: '%PROTOCOL%',
  type: '%ACCESS_LOG_TYPE%',
  ...Object.fromEntries(operators.map((one) => [one.toLowerCase(), `%DOWNSTREAM_${one}%`])),
};

/** A transport socket that shows the proxy's certificate. */
const server = (common: object = {}, more: object = {}): object => ({
  transport_socket: {
    name: 'tls',
    typed_config: {
      '@type': typeOf('transport_sockets.tls.v3.DownstreamTlsContext'),
      common_tls_context: { ...shows(proxy), ...common },
      ...more,
    },
  },
});
const trusts = (more: object = {}): object => ({
  validation_context: { trusted_ca: inline(root), ...more },
});
const inspector = {
  name: 'tls_inspector',
  typed_config: { '@type': typeOf('filters.listener.tls_inspector.v3.TlsInspector') },
};

const tcpProxy = {
  name: 'tcp',
  typed_config: {
    '@type': typeOf('filters.network.tcp_proxy.v3.TcpProxy'),
    stat_prefix: 'tcp',
    cluster: 'up',
    access_log: [accessLog({ ...fields, cluster: '%UPSTREAM_CLUSTER%', upstream: '%UPSTREAM_HOST%' })],
  },
};

/** A listener of chains with a connection manager each; lines of the listener's own log come before those of it. */
function served(chains: readonly object[], setup: HttpSetup = {}, listener: object = {}): Setup['bootstrap'] {
  const manager = { ...setup.manager, access_log: [accessLog(fields)] };
  return httpBootstrap({
    ...setup,
    listener: {
      listener_filters: [inspector],
      filter_chains: chains.map((one) => ({ filters: [connectionManager({ ...setup, manager })], ...one })),
      ...listener,
    },
  });
}

const asks = (
  what: string,
  tls: ClientTls | undefined,
  lines: readonly string[] = [],
  more: Partial<CompareCase> = {},
): CompareCase => ({
  what,
  clients: [{ send: [get('/', ...lines)], ...(tls === undefined ? {} : { tls }) }],
  ...more,
});
const named = (servername: string, more: ConnectionOptions = {}): ClientTls => ({ servername, ...more });
const as = ({ cert, key }: { cert: string; key: string }, more: ClientTls = {}): ClientTls => ({
  servername: 'proxy.test',
  cert,
  key,
  ...more,
});

const everyClient = (): CompareCase[] => [
  asks('nobody', named('proxy.test')),
  asks('nobody, TLS 1.2', named('proxy.test', { maxVersion: 'TLSv1.2' })),
  asks('a client', as(client)),
  asks('a client, TLS 1.2', as(client, { maxVersion: 'TLSv1.2' })),
  asks('a client of an authority below', as(deep)),
  asks('a client without names', as(nameless)),
  asks('an expired client', as(expired)),
  asks('an expired client, TLS 1.2', as(expired, { maxVersion: 'TLSv1.2' })),
  asks('a client that is not valid yet', as(early)),
  asks('a client of another root', as(stranger)),
  asks('a client of another root, TLS 1.2', as(stranger, { maxVersion: 'TLSv1.2' })),
];

const setup = (name: string, bootstrap: Setup['bootstrap'], cases: readonly CompareCase[]): Setup => ({
  name,
  bootstrap,
  cases,
});
const needed = { require_client_certificate: true };
const logs = { access_log: [accessLog({ ...fields, of: 'listener' })] };

const xfcc = [
  'x-forwarded-client-cert: By=spiffe://a/b;Hash=00;Subject="CN=\\"x\\"";URI=spiffe://c/d',
] as const;
const modes = ['SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY'];
const details = {
  none: {},
  names: { uri: true, dns: true, subject: true },
  all: { uri: true, dns: true, subject: true, cert: true, chain: true },
};

export const tlsIn: Theme = {
  name: 'tls-in',
  reasons,
  setups: [
    setup(
      'chains by server name',
      served(
        [
          { name: 'exact', filter_chain_match: { server_names: ['a.test'] }, ...server() },
          { name: 'wildcard', filter_chain_match: { server_names: ['*.a.test'] }, ...server(shows(second)) },
          { name: 'wide', filter_chain_match: { server_names: ['*.test'] }, ...server(shows(deep)) },
          { name: 'plain', filter_chain_match: { transport_protocol: 'raw_buffer' } },
        ],
        {},
        logs,
      ),
      [
        ...['a.test', 'A.TEST', 'b.a.test', 'c.b.a.test', 'b.test', 'test', 'other'].map((name) =>
          asks(`asks for ${name}`, named(name)),
        ),
        asks('asks for nothing', {}),
        asks('without TLS', undefined),
      ],
    ),
    setup(
      'chains by protocol',
      served([
        {
          name: 'h2',
          filter_chain_match: { application_protocols: ['h2'] },
          ...server({ alpn_protocols: ['h2'] }),
        },
        {
          name: 'http',
          filter_chain_match: { application_protocols: ['http/1.1', 'http/1.0'] },
          ...server(),
        },
        { name: 'else', filter_chain_match: { transport_protocol: 'tls' }, ...server() },
      ]),
      [
        asks('none', named('a')),
        asks('http/1.1', named('a', { ALPNProtocols: ['http/1.1'] })),
        asks('http/1.0', named('a', { ALPNProtocols: ['http/1.0'] })),
        asks('others', named('a', { ALPNProtocols: ['x', 'y'] })),
        asks('others and http/1.1', named('a', { ALPNProtocols: ['x', 'http/1.1'] })),
        asks('h2, and says nothing', named('a', { ALPNProtocols: ['h2', 'http/1.1'] }), [], {
          clients: [{ send: [], tls: named('a', { ALPNProtocols: ['h2', 'http/1.1'] }) }],
          protocol: 'http2',
        }),
      ],
    ),
    setup('protocols', served([server({ alpn_protocols: ['h2', 'http/1.1'] })]), [
      asks('none', named('a')),
      asks('http/1.1', named('a', { ALPNProtocols: ['http/1.1'] })),
      asks('others', named('a', { ALPNProtocols: ['x'] })),
      asks('both, and sends HTTP/1.1', named('a', { ALPNProtocols: ['http/1.1', 'h2'] })),
    ]),
    setup('no protocols', served([server()]), [
      asks('http/1.1', named('a', { ALPNProtocols: ['http/1.1'] })),
      asks('taken up', { servername: 'a', resumesAfter: get('/') }),
      asks('taken up, TLS 1.2', { servername: 'a', resumesAfter: get('/'), maxVersion: 'TLSv1.2' }),
      asks('without TLS', undefined),
      { what: 'no TLS at all', clients: [{ send: ['\x16\x03\x01\x00\x05hello'] }], protocol: 'tcp' },
      { what: 'goes at once', clients: [{ send: [{ close: true }] }], protocol: 'tcp' },
      {
        what: 'half a greeting',
        clients: [{ send: ['\x16\x03\x01\x00', { close: true }] }],
        protocol: 'tcp',
      },
    ]),
    setup('clients asked', served([server(trusts())], {}, logs), everyClient()),
    setup('clients needed', served([server(trusts(), needed)], {}, logs), everyClient()),
    setup(
      'clients of names',
      served(
        [
          server(
            trusts({
              match_typed_subject_alt_names: [
                { san_type: 'URI', matcher: { prefix: 'spiffe://cluster.local/ns/default/sa/client' } },
                { san_type: 'DNS', matcher: { exact: 'deeper.test' } },
                { san_type: 'IP_ADDRESS', matcher: { exact: '127.0.0.2' } },
              ],
            }),
            needed,
          ),
        ],
        {},
        logs,
      ),
      [
        ...everyClient(),
        asks('another', as(second)),
        asks('another, TLS 1.2', as(second, { maxVersion: 'TLSv1.2' })),
      ],
    ),
    setup(
      'expired ones allowed',
      served([server(trusts({ allow_expired_certificate: true }), needed)]),
      everyClient(),
    ),
    setup(
      'untrusted ones accepted',
      served([server(trusts({ trust_chain_verification: 'ACCEPT_UNTRUSTED' }), needed)]),
      everyClient(),
    ),
    setup(
      'needed, without roots',
      served([server({}, needed)]),
      everyClient().map((one) => ({
        ...one,
        differs: {
          '': 'Envoy asks for no certificate where it has no roots; here one is needed as configured',
        },
      })),
    ),
    setup(
      'hashes',
      served([server(trusts({ verify_certificate_hash: ['0'.repeat(64)] }), needed)], {}, logs),
      [
        asks('nobody', named('proxy.test')),
        asks('a client', as(client)),
        asks('a client, TLS 1.2', as(client, { maxVersion: 'TLSv1.2' })),
      ],
    ),
    ...(
      [
        ['TLSv1_2', 'TLSv1_2'],
        ['TLSv1_3', 'TLSv1_3'],
        ['TLSv1_0', 'TLSv1_3'],
      ] as const
    ).map(([from, to]) =>
      setup(
        `versions ${from} to ${to}`,
        served([
          server({ tls_params: { tls_minimum_protocol_version: from, tls_maximum_protocol_version: to } }),
        ]),
        (['TLSv1.1', 'TLSv1.2', 'TLSv1.3'] as const).map((version) =>
          asks(
            version,
            named('a', { minVersion: version, maxVersion: version, ciphers: 'DEFAULT@SECLEVEL=0' }),
          ),
        ),
      ),
    ),
    setup(
      'ciphers',
      served([
        server({
          tls_params: { cipher_suites: ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'] },
        }),
      ]),
      [
        asks('TLS 1.2', named('a', { maxVersion: 'TLSv1.2' })),
        asks('TLS 1.3', named('a')),
        asks('another one', named('a', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' })),
      ],
    ),
    setup('two certificates', served([server(shows(proxy, second, proxyRsa))]), [
      ...['proxy.test', 'second.test', 'rsa.test', 'x.test'].map((name) => asks(name, named(name))),
      asks(
        'RSA only',
        named('second.test', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }),
      ),
    ]),
    setup(
      'tcp',
      httpBootstrap({
        listener: {
          listener_filters: [inspector],
          filter_chains: [
            { filters: [tcpProxy], ...server({ ...trusts(), alpn_protocols: ['istio'] }, needed) },
          ],
        },
      }),
      [
        { what: 'without TLS', clients: [{ send: ['hello hello'] }], protocol: 'tcp' },
        ...[
          ['nobody', named('proxy.test')] as const,
          ['a stranger', as(stranger)] as const,
          ['a client', as(client)] as const,
        ].map(([what, tls]) => ({
          what,
          clients: [{ send: [get('/')], tls }],
          protocol: 'tcp' as const,
        })),
      ],
    ),
    ...modes.flatMap((mode) =>
      Object.entries(details).map(([name, set]) =>
        setup(
          `${mode}, ${name}`,
          served([server(trusts())], {
            manager: { forward_client_cert_details: mode, set_current_client_cert_details: set },
          }),
          [
            asks('nobody', named('a')),
            asks('nobody, with one', named('a'), xfcc),
            asks('a client', as(client)),
            asks('a client, with one', as(client), xfcc),
            asks('a client, with two', as(deep), [...xfcc, 'x-forwarded-client-cert: Hash=11']),
            asks('a client without names', as(nameless)),
          ],
        ),
      ),
    ),
  ],
};
