import type { TlsOptions } from 'node:tls';
import { certificates, inline, shows } from '../../certificates.ts';
import { accessLog, http2Cluster, httpBootstrap, typeOf } from '../../bootstrap.ts';
import type { Setup, Theme } from '../../case.ts';
import { get, sends } from '../../request.ts';
import { reasons } from './reasons.ts';

const { root, proxy, client, expired, stranger, second } = certificates;

const operators = [
  'TLS_VERSION',
  'TLS_CIPHER',
  'PEER_URI_SAN',
  'PEER_DNS_SAN',
  'PEER_SUBJECT',
  'PEER_ISSUER',
  'TRANSPORT_FAILURE_REASON',
  'HOST',
  'PROTOCOL',
  'DETECTED_CLOSE_TYPE',
  'LOCAL_CLOSE_REASON',
];
const fields = {
  code: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  ...Object.fromEntries(operators.map((one) => [one.toLowerCase(), `%UPSTREAM_${one}%`])),
};

const tls = (common: object = {}, more: object = {}): object => ({
  transport_socket: {
    name: 'tls',
    typed_config: {
      '@type': typeOf('transport_sockets.tls.v3.UpstreamTlsContext'),
      // Envoy speaks no more than 1.2 to endpoints where nothing is said.
      common_tls_context: { tls_params: { tls_maximum_protocol_version: 'TLSv1_3' }, ...common },
      ...more,
    },
  },
});
const trusts = (more: object = {}): object => ({
  validation_context: { trusted_ca: inline(root), ...more },
});
const named = (san_type: string, exact: string): object =>
  trusts({ match_typed_subject_alt_names: [{ san_type, matcher: { exact } }] });
const http = (more: object): object => ({
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': typeOf('upstreams.http.v3.HttpProtocolOptions'),
      ...more,
    },
  },
});

function setup(name: string, cluster: object, endpoint: TlsOptions | undefined = proxy): Setup {
  return {
    name,
    bootstrap: httpBootstrap({
      manager: { access_log: [accessLog(fields)] },
      routes: [
        { match: { prefix: '/rewritten' }, route: { cluster: 'up', host_rewrite_literal: 'proxy.test' } },
        { match: { prefix: '/' }, route: { cluster: 'up' } },
      ],
      cluster,
    }),
    ...(endpoint === undefined ? {} : { endpointTls: { up: endpoint } }),
    cases: [
      sends('a request', get('/')),
      sends('a request for a name', get('/').replace('host: a', 'host: proxy.test')),
      sends('a request whose host is rewritten', get('/rewritten')),
    ],
  };
}

const auto = { upstream_http_protocol_options: { auto_sni: true, auto_san_validation: true } };

export const tlsOut: Theme = {
  name: 'tls-out',
  reasons,
  setups: [
    setup('not verified', tls()),
    setup('verified', tls(trusts(), { sni: 'proxy.test' })),
    setup('another root', tls(trusts()), stranger),
    setup('expired', tls(trusts()), expired),
    setup('right name', tls(named('DNS', 'proxy.test'))),
    setup('wrong name', tls(named('DNS', 'other.test'))),
    setup('wrong id', tls(named('URI', 'spiffe://cluster.local/ns/default/sa/other'))),
    setup('auto_sni', {
      ...tls(trusts()),
      ...http({ ...auto, explicit_http_config: { http_protocol_options: {} } }),
    }),
    setup(
      'auto_sni, HTTP/2',
      { ...tls(trusts()), ...http({ ...auto, explicit_http_config: { http2_protocol_options: {} } }) },
      {
        ...proxy,
        ALPNProtocols: ['h2'],
      },
    ),
    setup(
      'auto_config, h2',
      { ...tls(trusts()), ...http({ auto_config: {} }) },
      { ...proxy, ALPNProtocols: ['h2'] },
    ),
    setup(
      'auto_config, http/1.1',
      { ...tls(trusts()), ...http({ auto_config: {} }) },
      { ...proxy, ALPNProtocols: ['http/1.1'] },
    ),
    setup('auto_config, nothing', { ...tls(trusts()), ...http({ auto_config: {} }) }),
    setup(
      'protocols',
      { ...tls({ ...trusts(), alpn_protocols: ['h2', 'x'] }), ...http2Cluster },
      { ...proxy, ALPNProtocols: ['x', 'h2'] },
    ),
    setup('a client certificate', tls({ ...trusts(), ...shows(client) }), {
      ...proxy,
      requestCert: true,
      ca: root,
    }),
    setup('no client certificate', tls(trusts()), {
      ...proxy,
      requestCert: true,
      ca: root,
      rejectUnauthorized: true,
    }),
    setup('no client certificate, TLS 1.2', tls(trusts()), {
      ...proxy,
      requestCert: true,
      ca: root,
      rejectUnauthorized: true,
      maxVersion: 'TLSv1.2',
    }),
    setup('a wrong client certificate', tls({ ...trusts(), ...shows(stranger) }), {
      ...second,
      requestCert: true,
      ca: root,
      rejectUnauthorized: true,
      maxVersion: 'TLSv1.2',
    }),
    setup('only old versions', tls(trusts()), { ...proxy, maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' }),
    setup(
      'no version in common',
      tls({
        ...trusts(),
        tls_params: { tls_minimum_protocol_version: 'TLSv1_3', tls_maximum_protocol_version: 'TLSv1_3' },
      }),
      { ...proxy, maxVersion: 'TLSv1.2' },
    ),
    {
      ...setup('plain endpoint', tls()),
      endpointTls: {},
      cases: [
        sends('an endpoint without TLS', get('/'), {
          up: [{ on: 'connect', send: ['HTTP/1.1 400 Bad Request\r\n\r\n'] }],
        }),
      ],
    },
    {
      ...setup('endpoint that closes', tls()),
      endpointTls: {},
      cases: [
        sends('an endpoint that closes', get('/'), { up: [{ on: 'connect', send: [{ close: true }] }] }),
      ],
    },
  ],
};
