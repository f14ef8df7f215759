import assert from 'node:assert/strict';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { test } from 'node:test';
import { createTestAuthority, type TestCertificate } from '@lateen/testkit';
import { defaultForward } from '../model/index.ts';
import type { HttpFilter, Listener, NodeIdentity, RetryPolicy, Route, TlsOptions } from '../model/index.ts';
import {
  ask,
  cluster,
  httpListener,
  portOf,
  portOfServer,
  routeTable,
  routeTo,
  startDataPlane,
  until,
  upstream,
  type Closers,
} from '../testing/harness.ts';
import { encodePeerMetadata } from '../telemetry/peer.ts';

const bytes = (text: string) => ({ kind: 'inline' as const, bytes: Buffer.from(text) });

const node: NodeIdentity = {
  id: 'sidecar~10.0.0.1~productpage-abc.default~default.svc.cluster.local',
  cluster: 'productpage.default',
  metadata: { NAME: 'productpage-abc', NAMESPACE: 'default', WORKLOAD_NAME: 'productpage-v1' },
};
const introduction = {
  'x-envoy-peer-metadata-id': node.id,
  'x-envoy-peer-metadata': encodePeerMetadata(node.metadata),
};

const httpFilters: HttpFilter[] = [
  { name: 'exchange', config: { kind: 'peer_metadata' }, disabled: false },
  { name: 'stats', config: { kind: 'istio_stats', reporter: 'server' }, disabled: false },
  { name: 'router', config: { kind: 'router', suppressEnvoyHeaders: false }, disabled: false },
];

function tlsOptions(more: Partial<TlsOptions>): TlsOptions {
  return {
    certificates: [],
    certificateSecrets: [],
    alpn: [],
    cipherSuites: [],
    ecdhCurves: [],
    ...more,
  };
}

async function serverCertificate(): Promise<TestCertificate> {
  return (await createTestAuthority()).issue({ dns: ['localhost'] });
}

const retryOnce: RetryPolicy = {
  retryOn: ['5xx'],
  retriableStatusCodes: [],
  retriableHeaders: [],
  numRetries: 1,
  backoffBaseMs: 1,
  backoffMaxMs: 1,
  avoidPreviousHosts: false,
  hostSelectionMaxAttempts: 1,
  retriableRequestHeaders: [],
  rateLimitedResetHeaders: [],
};

/** The client's random bytes of a handshake, as a key log has them. */
function clientRandomOf(line: Buffer): string {
  return line.toString('latin1').split(' ')[1] ?? '';
}

/** The field of a head; undefined where it has none. */
function field(head: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)\r$`, 'm').exec(head)?.[1];
}

interface Asked {
  readonly connection: number;
  readonly head: string;
}

/**
 * A server of TLS that answers each request, saying that it remembers by what `token` makes of the connection's; with
 * 503 and the end of the connection to the one of number `failsAt`.
 */
async function rememberingServer(
  t: Closers,
  { token = (own: string) => own, failsAt = 0 } = {},
): Promise<{ readonly port: number; readonly asked: Asked[] }> {
  const { cert, key } = await serverCertificate();
  const tokens = new Map<TLSSocket, string>();
  const asked: Asked[] = [];
  let connections = 0;
  const server = createServer({ cert, key }, (socket) => {
    const connection = ++connections;
    let text = '';
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (!text.includes('\r\n\r\n')) return;
      asked.push({ connection, head: text });
      text = '';
      const remembers = token(tokens.get(socket) ?? '');
      const fields = `content-length: 0\r\nx-lateen-acquaintance: ${remembers}\r\n`;
      if (asked.length === failsAt) socket.end(`HTTP/1.1 503 No\r\n${fields}connection: close\r\n\r\n`);
      else socket.write(`HTTP/1.1 200 OK\r\n${fields}\r\n`);
    });
  });
  server.on('keylog', (line: Buffer, socket: TLSSocket) => tokens.set(socket, clientRandomOf(line)));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return { port: portOfServer(server), asked };
}

/** A client's proxy in front of that server; its port. */
async function clientProxy(t: Closers, server: number, route: Route = routeTo('server')): Promise<number> {
  const plane = startDataPlane(t, { node });
  const validation = {
    sanMatches: [],
    certificateHashes: [],
    spkiHashes: [],
    allowExpired: false,
    acceptUntrusted: true,
  };
  const listener: Listener = {
    ...httpListener(routeTable([route]), { httpFilters }),
    trafficDirection: 'outbound',
  };
  const transport = {
    kind: 'upstream_tls',
    options: tlsOptions({ validation }),
    sni: '',
    autoSni: false,
    autoSanValidation: false,
    maxSessionKeys: 1,
  } as const;
  assert.deepEqual(
    await plane.update({
      clusters: { set: [cluster('server', [server], { transport })] },
      listeners: { set: [listener] },
    }),
    { refused: [] },
  );
  return portOf(plane);
}

test('a server that remembers is told once by each connection who asks', async (t) => {
  const { port, asked } = await rememberingServer(t);
  const proxy = await clientProxy(t, port);
  for (let i = 0; i < 3; i++) {
    const answer = await ask(proxy, '/');
    assert.equal(answer.headers['x-lateen-acquaintance'], undefined);
  }
  assert.deepEqual(
    asked.map(({ connection, head }) => [
      connection,
      field(head, 'x-envoy-peer-metadata-id'),
      field(head, 'x-envoy-peer-metadata'),
    ]),
    [
      [1, introduction['x-envoy-peer-metadata-id'], introduction['x-envoy-peer-metadata']],
      [1, undefined, undefined],
      [1, undefined, undefined],
    ],
  );
  assert.match(field(asked[0]?.head ?? '', 'x-lateen-acquaintance') ?? '', /^[0-9a-f]{64}$/);
  assert.equal(field(asked[1]?.head ?? '', 'x-lateen-acquaintance'), undefined);
});

test('a server that answers with the token of another connection is told each time', async (t) => {
  const { port, asked } = await rememberingServer(t, { token: (own) => own.replace(/^./, 'x') });
  const proxy = await clientProxy(t, port);
  for (let i = 0; i < 3; i++) await ask(proxy, '/');
  assert.equal(asked.filter(({ head }) => field(head, 'x-envoy-peer-metadata-id') === node.id).length, 3);
});

test('a second try tells a server that does not know, where the first went to one that did', async (t) => {
  const { port, asked } = await rememberingServer(t, { failsAt: 2 });
  const proxy = await clientProxy(t, port, {
    ...routeTo('server'),
    action: { ...defaultForward('server'), retryPolicy: retryOnce },
  });
  await ask(proxy, '/');
  assert.equal((await ask(proxy, '/')).status, 200);
  assert.deepEqual(
    asked.map(({ connection, head }) => [connection, field(head, 'x-envoy-peer-metadata-id') !== undefined]),
    [
      [1, true],
      [1, false],
      [2, true],
    ],
  );
});

test('a route that has the introduction removed hides us from its servers', async (t) => {
  const { port, asked } = await rememberingServer(t);
  const remove = Object.keys(introduction);
  const proxy = await clientProxy(t, port, {
    ...routeTo('server'),
    requestHeaders: { add: [], remove },
  });
  await ask(proxy, '/');
  assert.doesNotMatch(asked[0]?.head ?? '', /x-envoy-peer-metadata|x-lateen/);
});

/** A proxy of a server in front of an endpoint, and what its metrics have counted by the client's workload. */
async function serverProxy(t: Closers): Promise<{ readonly port: number; readonly counted: () => string[] }> {
  const { cert, key } = await serverCertificate();
  const app = await upstream(t, (request, response) => {
    assert.doesNotMatch(Object.keys(request.headers).join(), /peer-metadata|x-lateen/);
    response.end();
  });
  const plane = startDataPlane(t, { node: { ...node, id: 'sidecar~10.0.0.2~reviews~x' } });
  const certificates = [{ chain: bytes(cert), privateKey: bytes(key) }];
  const transport = {
    kind: 'downstream_tls',
    options: tlsOptions({ certificates }),
    requireClientCertificate: false,
    disableStatelessResumption: false,
  } as const;
  const listener: Listener = {
    ...httpListener(routeTable([routeTo('app')]), { httpFilters }, { transport }),
    trafficDirection: 'inbound',
  };
  assert.deepEqual(
    await plane.update({
      clusters: { set: [cluster('app', [app.port])] },
      listeners: { set: [listener] },
    }),
    { refused: [] },
  );
  const line = /^istio_requests_total\{.*source_workload="([^"]*)".*\} (\d+)$/gm;
  return {
    port: portOf(plane),
    counted: () =>
      [...plane.stats.prometheus().matchAll(line)].map(([, who, count]) => `${who} ${count}`).sort(),
  };
}

/** A client of TLS that knows the token of its connection, and asks with these fields. */
async function tlsClient(t: Closers, port: number) {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  let token = '';
  let text = '';
  socket.on('keylog', (line: Buffer) => (token = clientRandomOf(line)));
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  socket.on('error', () => {});
  t.after(() => socket.destroy());
  await new Promise<void>((resolve) => void socket.once('secureConnect', resolve));
  return {
    token,
    async ask(fields: Readonly<Record<string, string>>): Promise<string> {
      text = '';
      const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
      socket.write(`GET / HTTP/1.1\r\nhost: a\r\n${lines.join('')}\r\n`);
      await until(() => text.includes('\r\n\r\n'));
      return text;
    },
  };
}

test('a client that was told to be remembered need not say again who it is', async (t) => {
  const { port, counted } = await serverProxy(t);
  const client = await tlsClient(t, port);
  const first = await client.ask({ ...introduction, 'x-lateen-acquaintance': client.token });
  assert.equal(field(first, 'x-lateen-acquaintance'), client.token);
  assert.equal(field(first, 'x-envoy-peer-metadata-id'), undefined);
  const second = await client.ask({});
  assert.equal(field(second, 'x-lateen-acquaintance'), undefined);
  assert.deepEqual(counted(), ['productpage-v1 2']);
});

test('a client whose token is of another connection, or who has none, is told who we are and not remembered', async (t) => {
  const { port, counted } = await serverProxy(t);
  const other = await tlsClient(t, port);
  const client = await tlsClient(t, port);
  for (const more of [{ 'x-lateen-acquaintance': other.token }, {}]) {
    const answer = await client.ask({ ...introduction, ...more });
    assert.equal(field(answer, 'x-envoy-peer-metadata-id'), 'sidecar~10.0.0.2~reviews~x');
    assert.equal(field(answer, 'x-lateen-acquaintance'), undefined);
  }
  await client.ask({});
  assert.deepEqual(counted(), ['productpage-v1 2', 'unknown 1']);
});
