import { CheckRequest, CheckResponse } from '@lateen/protocol/envoy/service/auth/v3';
import type { CompareCase, Reply, Setup } from '../../case.ts';
import { certificates } from '../../certificates.ts';
import { grpcFailure, grpcReply } from '../../grpc.ts';
import { gateSetup, inspector, mutualTls, networkFilter, says, saysTls } from './setup.ts';

const reply = (value: CheckResponse): Reply => grpcReply(CheckResponse, value);
const answers = (value: CheckResponse): Partial<CompareCase> => ({ up2: [reply(value)] });
const allows = answers({ status: { code: 0 } });
const denies = answers({ status: { code: 7 } });
const late: Reply = {
  send: (id) => {
    const { send } = reply({ status: { code: 0 } });
    return [{ waitMs: 300 }, ...(typeof send === 'function' ? send(id) : send)];
  },
};

const filter = (config: object = {}): object =>
  networkFilter('ext_authz.v3.ExtAuthz', {
    stat_prefix: 'gate',
    transport_api_version: 'V3',
    grpc_service: { envoy_grpc: { cluster_name: 'asked' }, timeout: '2s' },
    ...config,
  });
const setup = (
  name: string,
  config: object,
  cases: readonly CompareCase[],
  more: Parameters<typeof gateSetup>[3] = {},
  after: readonly object[] = [],
): Setup =>
  gateSetup(`authz-${name}`, [filter(config), ...after], cases, {
    endpointMessages: { up2: CheckRequest },
    ...more,
  });

const talk = ['hi', { until: 'welcome' }] as const;
const metadata = { tenant: 'a', level: 3, deep: { x: ['y', true, null] } };
/** A ClientHello of TLS 1.2 for `a.test`. */
const greeting = Buffer.from(
  '16030100460100004203030000000000000000000000000000000000000000000000000000000000000000000002c02b010000170000000b0009000006612e74657374000a00040002001d',
  'hex',
);
const plain: readonly CompareCase[] = [
  says('allowed', talk, allows),
  says('allowed, empty', talk, answers({})),
  says('allowed, with a refusal', talk, answers({ status: { code: 0 }, deniedResponse: { body: 'no' } })),
  says('allowed, with metadata', talk, answers({ status: { code: 0 }, dynamicMetadata: metadata })),
  says(
    'allowed, with metadata of the leave',
    talk,
    answers({ status: { code: 0 }, okResponse: { dynamicMetadata: metadata } }),
  ),
  says('denied', ['hi'], denies),
  says('denied, with leave', ['hi'], answers({ status: { code: 16 }, okResponse: {} })),
  says('denied, with metadata', ['hi'], answers({ status: { code: 7 }, dynamicMetadata: metadata })),
  says(
    'denied, with a body',
    ['hi'],
    answers({ status: { code: 7 }, deniedResponse: { body: 'no', status: { code: 401 } } }),
  ),
  ...[1, 4, 7, 14, 16].map((status) => says(`fails by ${status}`, talk, { up2: [grpcFailure(status)] })),
  says('resets', talk, { up2: [{ send: [{ reset: true }] }] }),
  says('answers by HTTP/1.1', talk, { up2: [{ on: 'head', send: ['HTTP/1.1 200 OK\r\n\r\n'] }] }),
  says('allowed late', talk, { up2: [late], quietMs: 500 }),
  says('two pieces', ['h', { waitMs: 50 }, 'i', { until: 'welcome' }, 'more', { waitMs: 50 }], allows),
  says('the client ends in the wait', ['hi', { end: true }], { up2: [late], quietMs: 600 }),
  says('the client resets in the wait', ['hi', { waitMs: 50 }, { reset: true }], {
    up2: [late],
    quietMs: 600,
  }),
  says('much in the wait', ['hi', 'x'.repeat(300_000), { until: 'welcome' }], { up2: [late], quietMs: 600 }),
  says('much, and denied', ['hi', 'x'.repeat(300_000)], { ...denies, quietMs: 400 }),
  says('nothing', [], allows),
  says('nothing, and the client ends', [{ end: true }], allows),
  says('the server speaks first', [{ waitMs: 100 }, 'hi', { waitMs: 50 }], {
    ...allows,
    up: [{ on: 'connect', send: ['banner'] }],
  }),
  says('the server speaks first, denied', [{ waitMs: 100 }, 'hi', { waitMs: 50 }], {
    ...denies,
    up: [{ on: 'connect', send: ['banner'] }],
  }),
];
const failing = [
  says('late', ['hi'], { up2: [{ send: [] }], quietMs: 600 }),
  says('fails', ['hi'], { up2: [grpcFailure(14)], quietMs: 400 }),
  says('denied', ['hi'], denies),
];
const service = (cluster_name: string) => ({
  grpc_service: { envoy_grpc: { cluster_name }, timeout: '0.2s' },
});
const node = { node: { id: 'n', cluster: 'c', metadata: { LABELS: { app: 'shop', n: 5 } } } };
const { client, deep, nameless, stranger } = certificates;
const as = ({ cert, key }: { cert: string; key: string }, servername = 'a.test') => ({
  servername,
  cert,
  key,
});
const everyone = [
  saysTls('nobody', { servername: 'a.test' }, allows),
  saysTls('nobody, without a name', {}, allows),
  saysTls('a client', as(client), allows),
  saysTls('a client, TLS 1.2', { ...as(client), maxVersion: 'TLSv1.2' }, allows),
  saysTls('a client of two names', as(deep), allows),
  saysTls('a client without names', as(nameless), allows),
  saysTls('a stranger', as(stranger), allows),
  saysTls('a client, denied', as(client), denies),
  saysTls('upper case', as(client, 'A.Test'), allows),
];
const tls = (more: object = {}) => ({ chain: mutualTls(more), listener: { listener_filters: [inspector] } });
const told = (value: string): object =>
  networkFilter('rbac.v3.RBAC', {
    stat_prefix: 'rules.',
    rules: {
      action: 'DENY',
      policies: {
        tenant: {
          permissions: [
            {
              metadata: {
                filter: 'envoy.filters.network.ext_authz',
                path: [{ key: 'tenant' }],
                value: { string_match: { exact: value } },
              },
            },
          ],
          principals: [{ any: true }],
        },
      },
    },
  });

/** External authorization of connections. */
export const authz: readonly Setup[] = [
  setup('plain', {}, plain),
  setup('short', service('asked'), failing),
  setup('short, open', { ...service('asked'), failure_mode_allow: true }, failing),
  ...['closed', 'empty'].flatMap((name) => [
    setup(name, service(name), [says('not there', ['hi'], { quietMs: 400 })]),
    setup(`${name}, open`, { ...service(name), failure_mode_allow: true }, [
      says('not there', ['hi'], { quietMs: 400 }),
    ]),
  ]),
  setup(
    'open',
    { failure_mode_allow: true },
    plain.filter(({ what }) => /^fails|^resets|^denied$|^allowed$/.test(what)),
  ),
  setup('labels', { bootstrap_metadata_labels_key: 'LABELS' }, [says('told', talk, allows)], { top: node }),
  setup('other labels', { bootstrap_metadata_labels_key: 'OTHER' }, [says('told', talk, allows)], {
    top: node,
  }),
  setup('tls', {}, everyone, tls()),
  setup('tls with certificates', { include_peer_certificate: true }, everyone, tls()),
  setup('tls sessions', { include_tls_session: true }, everyone, tls()),
  setup(
    'tls needed',
    { include_peer_certificate: true, include_tls_session: true },
    everyone,
    tls({ require_client_certificate: true }),
  ),
  setup(
    'tls passed on',
    { include_tls_session: true },
    [
      says('hello', [greeting, { waitMs: 100 }], { ...allows, up: [{ on: 'connect', send: [] }] }),
      says('plain', ['hi, hello, hello', { until: 'welcome' }], allows),
    ],
    { listener: { listener_filters: [inspector] } },
  ),
  setup(
    'rules after it',
    {},
    [
      says('the tenant', talk, answers({ status: { code: 0 }, dynamicMetadata: metadata })),
      says('another tenant', talk, answers({ status: { code: 0 }, dynamicMetadata: { tenant: 'b' } })),
      says('no tenant', talk, allows),
      says('failed', talk, { up2: [grpcFailure(14)] }),
    ],
    {},
    [told('a')],
  ),
  setup(
    'rules after it, open',
    { failure_mode_allow: true },
    [says('failed', talk, { up2: [grpcFailure(14)] })],
    {},
    [told('a')],
  ),
  setup(
    'only some',
    {
      filter_enabled_metadata: {
        filter: 'envoy.filters.network.rbac',
        path: [{ key: 'shadow_engine_result' }],
        value: { string_match: { exact: 'denied' } },
      },
    },
    [says('not asked', talk, denies)],
  ),
];
