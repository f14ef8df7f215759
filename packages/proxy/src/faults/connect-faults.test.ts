import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { createServer as createTlsServer } from 'node:tls';
import { createTestAuthority } from '@lateen/testkit';
import {
  defaultForward,
  defaultRoute,
  defaultThresholds,
  type CertificateValidation,
  type Cluster,
  type RetryPolicy,
} from '../model/index.ts';
import { asks, connectError, suffer, type Expected, type FaultOptions } from '../testing/fault-case.ts';
import { fullBacklog } from '../testing/full-backlog.ts';
import { ask, cluster, portOfServer, tcpUpstream, type Closers } from '../testing/harness.ts';
import { http2Cluster } from '../testing/http2-peers.ts';
import { becomes, watchedProxy } from '../testing/watched-proxy.ts';

interface Case {
  readonly what: string;
  /** Undefined: there is none. */
  readonly cluster: (t: Closers) => Cluster | undefined | Promise<Cluster | undefined>;
  readonly options?: FaultOptions;
  readonly expected: Expected;
}

/** A port where nobody listens. */
async function nobody(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOfServer(server);
  server.close();
  await once(server, 'close');
  return port;
}

const refusedText = 'delayed connect error: Connection refused';
const refused: Expected = {
  status: 503,
  body: `${connectError} reset reason: remote connection failure`,
  flags: 'UF',
  details: `upstream_reset_before_response_started{remote_connection_failure|${refusedText.replaceAll(' ', '_')}}`,
  failure: refusedText,
  counted: {
    'cluster.up.upstream_cx_total': 1,
    'cluster.up.upstream_cx_connect_fail': 1,
    'cluster.up.upstream_cx_connect_timeout': 0,
    'cluster.up.upstream_cx_destroy': 1,
    'cluster.up.upstream_cx_destroy_with_active_rq': 0,
    'cluster.up.upstream_rq_pending_total': 1,
    'cluster.up.upstream_rq_pending_failure_eject': 1,
    'cluster.up.upstream_rq_total': 0,
    'cluster.up.upstream_rq_503': 1,
    'cluster.up.upstream_rq_5xx': 1,
    'http.http.downstream_rq_5xx': 1,
  },
};

function tlsFailure(text: string, connectionErrors = 0): Expected {
  return {
    status: 503,
    body: `${connectError} reset reason: remote connection failure`,
    flags: 'UF',
    details: `upstream_reset_before_response_started{remote_connection_failure|${text.replaceAll(' ', '_')}}`,
    failure: text,
    counted: {
      'cluster.up.upstream_cx_connect_fail': 1,
      'cluster.up.ssl.connection_error': connectionErrors,
      'cluster.up.ssl.handshake': 0,
    },
  };
}
const notVerified = (why: string): string =>
  `TLS_error:|268435581:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED:verify cert failed: ${why}:TLS_error_end`;
const atDepth0 = 'X509_verify_cert: certificate verification error at depth 0: ';
const notTls = 'TLS_error:|268435703:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end';

const overflow: Expected = {
  status: 503,
  body: `${connectError} reset reason: overflow`,
  flags: 'UO',
  details: 'upstream_reset_before_response_started{overflow}',
  counted: {
    'cluster.up.upstream_rq_pending_overflow': 1,
    'cluster.up.upstream_rq_total': 0,
    'cluster.up.upstream_rq_503': 1,
    'cluster.up.upstream_cx_total': 0,
  },
};

const hourMs = 3_600_000;
const bytes = (text: string) => ({ kind: 'inline' as const, bytes: Buffer.from(text) });
const authority = createTestAuthority();
const stranger = createTestAuthority('Somebody else');

/** A cluster that speaks TLS to an endpoint which shows this certificate, and asks for this name. */
async function tlsCluster(
  t: Closers,
  wants: { readonly name?: string; readonly expired?: boolean; readonly stranger?: boolean },
): Promise<Cluster> {
  const issuer = await (wants.stranger === true ? stranger : authority);
  const { cert, key } = await issuer.issue({
    dns: ['up.example'],
    ...(wants.expired === true
      ? { notBefore: new Date(Date.now() - hourMs), notAfter: new Date(Date.now() - hourMs / 2) }
      : {}),
  });
  const server = createTlsServer({ cert, key }, (socket) => socket.on('error', () => {}));
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { ...cluster('up', [portOfServer(server)]), transport: await transport(wants.name ?? 'up.example') };
}

async function transport(name: string): Promise<Cluster['transport']> {
  const validation: CertificateValidation = {
    trustedCa: bytes((await authority).root),
    sanMatches: [{ type: 'dns', match: { kind: 'exact', value: name } }],
    certificateHashes: [],
    spkiHashes: [],
    allowExpired: false,
    acceptUntrusted: false,
  };
  return {
    kind: 'upstream_tls',
    options: {
      certificates: [],
      certificateSecrets: [],
      validation,
      alpn: [],
      cipherSuites: [],
      ecdhCurves: [],
    },
    sni: name,
    autoSni: false,
    autoSanValidation: false,
    maxSessionKeys: 1,
  };
}

const retryPolicy: RetryPolicy = {
  retryOn: ['connect-failure'],
  retriableStatusCodes: [],
  retriableHeaders: [],
  numRetries: 2,
  perTryTimeoutMs: 0,
  backoffBaseMs: 1,
  backoffMaxMs: 2,
  avoidPreviousHosts: false,
  hostSelectionMaxAttempts: 1,
  retriableRequestHeaders: [],
  rateLimitedResetHeaders: [],
};

const silent = (t: Closers): Promise<number> => tcpUpstream(t, (socket: Socket) => socket.resume());
const limits = (more: Partial<typeof defaultThresholds>) => ({
  circuitBreakers: { default: { ...defaultThresholds, ...more }, high: defaultThresholds },
});

const cases: readonly Case[] = [
  {
    what: 'an endpoint that refuses',
    cluster: async () => cluster('up', [await nobody()]),
    expected: refused,
  },
  {
    what: 'an HTTP/2 endpoint that refuses',
    cluster: async () => http2Cluster('up', [await nobody()]),
    expected: refused,
  },
  {
    what: 'an endpoint that refuses each try',
    cluster: async () => cluster('up', [await nobody()]),
    options: { route: defaultRoute({ ...defaultForward('up'), retryPolicy }) },
    expected: {
      ...refused,
      body: `${connectError} retried and the latest reset reason: remote connection failure`,
      flags: 'URX,UF',
      counted: {
        'cluster.up.upstream_rq_retry': 2,
        'cluster.up.upstream_rq_retry_limit_exceeded': 1,
        'cluster.up.upstream_cx_connect_fail': 3,
        'cluster.up.upstream_rq_503': 1,
      },
    },
  },
  {
    what: 'an endpoint that does not take the connection',
    cluster: async (t) => ({ ...cluster('up', [await fullBacklog(t)]), connectTimeoutMs: 60 }),
    expected: {
      status: 503,
      body: `${connectError} reset reason: connection timeout`,
      flags: 'UF',
      details: 'upstream_reset_before_response_started{connection_timeout}',
      counted: {
        'cluster.up.upstream_cx_connect_fail': 1,
        'cluster.up.upstream_cx_connect_timeout': 1,
        'cluster.up.upstream_cx_destroy_local': 1,
        'cluster.up.upstream_rq_pending_failure_eject': 1,
        'cluster.up.upstream_rq_503': 1,
      },
    },
  },
  {
    what: 'a cluster without endpoints',
    cluster: () => cluster('up', []),
    expected: {
      status: 503,
      body: 'no healthy upstream',
      flags: 'UH',
      details: 'no_healthy_upstream',
      counted: {
        'cluster.up.upstream_cx_none_healthy': 1,
        'cluster.up.upstream_rq_503': 1,
        'cluster.up.upstream_rq_total': 0,
      },
    },
  },
  {
    what: 'a cluster that is not known',
    cluster: () => undefined,
    expected: {
      status: 503,
      body: '',
      flags: 'NC',
      details: 'cluster_not_found',
      counted: { 'http.http.no_cluster': 1 },
    },
  },
  {
    what: 'no route',
    cluster: () => undefined,
    options: {
      route: {
        ...defaultRoute(defaultForward('up')),
        match: { ...defaultRoute(defaultForward('up')).match, path: { kind: 'exact', value: '/other' } },
      },
    },
    expected: {
      status: 404,
      body: '',
      flags: 'NR',
      details: 'route_not_found',
      counted: { 'http.http.no_route': 1, 'http.http.downstream_rq_4xx': 1 },
    },
  },
  {
    what: 'a cluster that sheds its load',
    cluster: async (t) => {
      const up = cluster('up', [await silent(t)]);
      return {
        ...up,
        loadAssignment: { ...up.loadAssignment!, dropFractions: [1] },
      };
    },
    expected: {
      status: 503,
      body: 'drop overload',
      flags: 'DO',
      details: 'drop_overload',
      counted: { 'cluster.up.upstream_rq_drop_overload': 1, 'cluster.up.upstream_rq_503': 1 },
    },
  },
  {
    what: 'more requests than the cluster may have',
    cluster: async (t) => ({ ...cluster('up', [await silent(t)]), ...limits({ maxRequests: 0 }) }),
    // As Envoy: only when there is a connection is it one too many.
    expected: {
      ...overflow,
      counted: {
        ...overflow.counted,
        'cluster.up.upstream_rq_active_overflow': 1,
        'cluster.up.upstream_rq_pending_overflow': 0,
        'cluster.up.upstream_cx_total': 1,
      },
    },
  },
  {
    what: 'more waiting requests than the cluster may have',
    cluster: async (t) => ({ ...cluster('up', [await silent(t)]), ...limits({ maxPendingRequests: 0 }) }),
    expected: overflow,
  },
  {
    what: 'the same by HTTP/2',
    cluster: async (t) => ({
      ...http2Cluster('up', [await silent(t)]),
      ...limits({ maxPendingRequests: 0 }),
    }),
    expected: overflow,
  },
  {
    what: 'more retries than the cluster may have',
    cluster: async () => ({ ...cluster('up', [await nobody()]), ...limits({ maxRetries: 0 }) }),
    options: { route: defaultRoute({ ...defaultForward('up'), retryPolicy }) },
    expected: {
      ...refused,
      flags: 'UO,UF',
      counted: {
        'cluster.up.upstream_rq_retry': 0,
        'cluster.up.upstream_rq_retry_overflow': 1,
        'cluster.up.upstream_rq_503': 1,
      },
    },
  },
  {
    what: 'an endpoint that never answers',
    cluster: async (t) => cluster('up', [await silent(t)]),
    options: { route: defaultRoute({ ...defaultForward('up'), timeoutMs: 40 }) },
    expected: {
      status: 504,
      body: 'upstream request timeout',
      flags: 'UT',
      details: 'response_timeout',
      counted: {
        'cluster.up.upstream_rq_timeout': 1,
        'cluster.up.upstream_rq_504': 1,
        'cluster.up.upstream_rq_tx_reset': 0,
        'cluster.up.upstream_cx_destroy_local_with_active_rq': 1,
      },
    },
  },
  {
    what: 'an endpoint that does not answer any try in time',
    cluster: async (t) => cluster('up', [await silent(t)]),
    options: {
      route: defaultRoute({
        ...defaultForward('up'),
        retryPolicy: { ...retryPolicy, retryOn: ['gateway-error'], numRetries: 1, perTryTimeoutMs: 40 },
      }),
    },
    expected: {
      status: 504,
      body: 'upstream request timeout',
      flags: 'URX,UT',
      details: 'upstream_per_try_timeout',
      counted: {
        'cluster.up.upstream_rq_per_try_timeout': 2,
        'cluster.up.upstream_rq_retry': 1,
        'cluster.up.upstream_rq_retry_limit_exceeded': 1,
        'cluster.up.upstream_rq_504': 1,
      },
    },
  },
  {
    what: 'a certificate for another name',
    cluster: (t) => tlsCluster(t, { name: 'other.example' }),
    expected: {
      ...tlsFailure(notVerified('SAN matcher, certificate SANs are [up.example]')),
      counted: { ...tlsFailure('').counted, 'cluster.up.ssl.fail_verify_san': 1 },
    },
  },
  {
    what: 'a certificate of somebody else',
    cluster: (t) => tlsCluster(t, { stranger: true }),
    expected: {
      ...tlsFailure(notVerified(`${atDepth0}unable to get local issuer certificate`)),
      counted: { ...tlsFailure('').counted, 'cluster.up.ssl.fail_verify_error': 1 },
    },
  },
  {
    what: 'a certificate that has expired',
    cluster: (t) => tlsCluster(t, { expired: true }),
    expected: {
      ...tlsFailure(notVerified(`${atDepth0}certificate has expired`)),
      counted: { ...tlsFailure('').counted, 'cluster.up.ssl.fail_verify_error': 1 },
    },
  },
  {
    what: 'an endpoint that answers TLS with plain text',
    cluster: async (t) => {
      const up = await tcpUpstream(t, (socket) =>
        socket.once('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')),
      );
      return { ...cluster('up', [up]), transport: await transport('up.example') };
    },
    expected: tlsFailure(notTls, 1),
  },
  {
    what: 'an endpoint that leaves in the handshake',
    cluster: async (t) => {
      const up = await tcpUpstream(t, (socket) => socket.once('data', () => socket.end()));
      return { ...cluster('up', [up]), transport: await transport('up.example') };
    },
    expected: {
      status: 503,
      body: `${connectError} reset reason: remote connection failure`,
      flags: 'UF',
      details: 'upstream_reset_before_response_started{remote_connection_failure}',
      counted: { 'cluster.up.upstream_cx_connect_fail': 1 },
    },
  },
  {
    what: 'plain text to an endpoint of TLS',
    cluster: async (t) => ({ ...(await tlsCluster(t, {})), transport: { kind: 'raw' } }),
    expected: {
      status: 503,
      body: `${connectError} reset reason: connection termination`,
      flags: 'UC',
      details: 'upstream_reset_before_response_started{connection_termination}',
      counted: { 'cluster.up.upstream_cx_connect_fail': 0 },
    },
  },
];

for (const [version, ask] of Object.entries(asks)) {
  for (const one of cases) {
    test(`${version} client, ${one.what}`, async (t) => {
      await suffer(t, ask, await one.cluster(t), one.expected, one.options);
    });
  }
}

test('a request that finds all connections busy waits for one, and is counted as an overflow', async (t) => {
  const waiting: Socket[] = [];
  const up = await tcpUpstream(t, (socket) => {
    socket.on('data', () => waiting.push(socket));
    socket.on('end', () => socket.end());
  });
  const proxy = await watchedProxy(
    t,
    [defaultRoute(defaultForward('up'))],
    [{ ...cluster('up', [up]), ...limits({ maxConnections: 1 }) }],
  );
  const hostStats = () => proxy.dataPlane.clusters()[0]!.endpoints[0]!.stats;
  const answers = [ask(proxy.port), ask(proxy.port), ask(proxy.port)];
  for (let i = 0; i < 3; i++) {
    await becomes(() => waiting.length, i + 1);
    if (i === 0) {
      await becomes(() => proxy.stat('cluster.up.upstream_rq_pending_active'), 2);
      assert.equal(hostStats().rq_pending_active, 2);
    }
    waiting[i]?.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  }
  assert.deepEqual(
    (await Promise.all(answers)).map(({ status }) => status),
    [200, 200, 200],
  );
  // Two at the beginning, and the last one once more when the first is over.
  proxy.counted({
    'cluster.up.upstream_cx_total': 1,
    'cluster.up.upstream_cx_overflow': 3,
    'cluster.up.upstream_rq_total': 3,
    'cluster.up.upstream_rq_pending_overflow': 0,
  });
  assert.equal(hostStats().rq_pending_active, 0);
  await proxy.settle();
});
