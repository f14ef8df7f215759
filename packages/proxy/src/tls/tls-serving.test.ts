import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { test } from 'node:test';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '@lateen/testkit';
import {
  anyFilterChainMatch,
  defaultFilterChain,
  defaultHttpConnectionManager,
  defaultListener,
  defaultRoute,
  defaultTcpProxy,
  type FilterChain,
  type FilterChainMatch,
  type Listener,
  type NetworkFilter,
  type Secret,
  type TlsOptions,
} from '../model/index.ts';
import { ask, cluster, portOf, routeTable, startDataPlane, tcpUpstream } from '../testing/harness.ts';

const bytes = (text: string) => ({ kind: 'inline' as const, bytes: Buffer.from(text) });

function options(more: Partial<TlsOptions> = {}): TlsOptions {
  return { certificates: [], certificateSecrets: [], alpn: [], cipherSuites: [], ecdhCurves: [], ...more };
}

function certificateOf({ cert, key }: TestCertificate) {
  return { chain: bytes(cert), privateKey: bytes(key) };
}

function secret(name: string, certificate: TestCertificate): Secret {
  return { kind: 'certificate', name, certificate: certificateOf(certificate) };
}

/** A connection manager that answers everything with one text. */
function saying(text: string): NetworkFilter {
  const action = { kind: 'direct_response', status: 200, body: Buffer.from(text) } as const;
  return defaultHttpConnectionManager({ kind: 'inline', config: routeTable([defaultRoute(action)]) });
}

function chain(
  filters: readonly NetworkFilter[],
  match: Partial<FilterChainMatch>,
  tls?: TlsOptions,
): FilterChain {
  return {
    ...defaultFilterChain(filters),
    match: { ...anyFilterChainMatch, ...match },
    transport:
      tls === undefined
        ? { kind: 'raw' }
        : {
            kind: 'downstream_tls',
            options: tls,
            requireClientCertificate: false,
            disableStatelessResumption: false,
          },
  };
}

function listener(chains: readonly FilterChain[], more: Partial<Listener> = {}): Listener {
  return { ...defaultListener('main', { kind: 'socket', address: '127.0.0.1', port: 0 }, chains), ...more };
}

const tlsInspector = { name: 'tls', kind: 'tls_inspector', disabledOnPorts: [] } as const;

/** A handshake with the listener; the caller destroys the socket. */
async function handshake(
  port: number,
  authority: TestAuthority,
  more: ConnectionOptions,
): Promise<TLSSocket> {
  const socket = connectTls({ host: '127.0.0.1', port, ca: authority.root, ...more });
  await once(socket, 'secureConnect');
  return socket;
}

function get(port: number, authority: TestAuthority, servername: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { host: servername };
    const sent = request(
      { host: '127.0.0.1', port, servername, ca: authority.root, headers, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve(text));
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}

test('a client whose protocols are none of ours is served, without one that was agreed on', async (t) => {
  const authority = await createTestAuthority();
  const own = await authority.issue({ dns: ['a.test'] });
  const plane = startDataPlane(t);
  const tls = options({ certificates: [certificateOf(own)], alpn: ['h2', 'http/1.1'] });
  await plane.update({ listeners: { set: [listener([chain([saying('a')], {}, tls)])] } });
  const port = portOf(plane);
  for (const [offered, agreed] of [
    [['istio'], false],
    [['istio', 'http/1.1'], 'http/1.1'],
    [undefined, false],
  ] as const) {
    const socket = await handshake(port, authority, {
      servername: 'a.test',
      ...(offered === undefined ? {} : { ALPNProtocols: [...offered] }),
    });
    assert.equal(socket.alpnProtocol, agreed);
    socket.destroy();
  }
});

test('the name that a client asks for chooses the chain and its certificate', async (t) => {
  const authority = await createTestAuthority();
  const [a, wild] = [
    await authority.issue({ dns: ['a.test'] }),
    await authority.issue({ dns: ['*.b.test'] }),
  ];
  const plane = startDataPlane(t);
  await plane.update({
    listeners: {
      set: [
        listener(
          [
            chain([saying('a')], { serverNames: ['a.test'] }, options({ certificates: [certificateOf(a)] })),
            chain(
              [saying('b')],
              { serverNames: ['*.b.test'] },
              options({ certificates: [certificateOf(wild)] }),
            ),
          ],
          { listenerFilters: [tlsInspector] },
        ),
      ],
    },
  });
  const port = portOf(plane);
  assert.equal(await get(port, authority, 'a.test'), 'a');
  assert.equal(await get(port, authority, 'x.b.test'), 'b');
  await assert.rejects(get(port, authority, 'c.test'));
  assert.match(plane.stats.text(), /no_filter_chain_match: 1$/m);
});

test('one port takes TLS and plain text, and a server that speaks first is heard through it', async (t) => {
  const authority = await createTestAuthority();
  const own = await authority.issue({ dns: ['a.test'] });
  const greeter = await tcpUpstream(t, (socket) => socket.end('220 welcome\r\n'));
  const plane = startDataPlane(t);
  const tls = options({ certificates: [certificateOf(own)] });
  const permissive = (name: string, filter: NetworkFilter): Listener => ({
    ...listener([
      chain([filter], { transportProtocol: 'tls' }, tls),
      chain([filter], { transportProtocol: 'raw_buffer' }),
    ]),
    name,
    listenerFilters: [tlsInspector],
    listenerFiltersTimeoutMs: 50,
    continueOnListenerFiltersTimeout: true,
  });
  await plane.update({
    clusters: { set: [cluster('greeter', [greeter])] },
    listeners: { set: [permissive('http', saying('hello')), permissive('smtp', defaultTcpProxy('greeter'))] },
  });
  assert.equal(await get(portOf(plane, 'http'), authority, 'a.test'), 'hello');
  assert.equal((await ask(portOf(plane, 'http'))).body, 'hello');
  // The client says nothing until the server has: only the time-out of the inspection lets it through.
  const silent = connectTcp(portOf(plane, 'smtp'), '127.0.0.1');
  const [greeting] = (await once(silent, 'data')) as [Buffer];
  assert.equal(greeting.toString(), '220 welcome\r\n');
  silent.destroy();
});

test('a certificate is changed under load without one failed request', async (t) => {
  const authority = await createTestAuthority();
  const [first, second] = [
    await authority.issue({ dns: ['a.test'] }),
    await authority.issue({ dns: ['a.test'] }),
  ];
  const plane = startDataPlane(t);
  await plane.update({
    secrets: { set: [secret('own', first)] },
    listeners: { set: [listener([chain([saying('a')], {}, options({ certificateSecrets: ['own'] }))])] },
  });
  const port = portOf(plane);
  const kept = await handshake(port, authority, { servername: 'a.test' });
  const before = kept.getPeerX509Certificate()?.serialNumber;

  const stop = new AbortController();
  const answers = new EventEmitter();
  const load = [1, 2, 3].map(async () => {
    while (!stop.signal.aborted) {
      assert.equal(await get(port, authority, 'a.test'), 'a');
      answers.emit('one');
    }
  });
  const several = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await once(answers, 'one');
  };
  await several();
  assert.deepEqual(await plane.update({ secrets: { set: [secret('own', second)] } }), { refused: [] });
  await several();
  stop.abort();
  await Promise.all(load);

  const fresh = await handshake(port, authority, { servername: 'a.test' });
  assert.notEqual(fresh.getPeerX509Certificate()?.serialNumber, before);
  fresh.destroy();
  // A connection that was made before goes on.
  kept.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n');
  const [answer] = (await once(kept, 'data')) as [Buffer];
  assert.match(answer.toString(), /^HTTP\/1\.1 200 OK/);
  kept.destroy();
});

test('a secret that cannot be used is refused and the one before stays', async (t) => {
  const authority = await createTestAuthority();
  const own = await authority.issue({ dns: ['a.test'] });
  const other = await authority.issue({ dns: ['a.test'] });
  const plane = startDataPlane(t);
  await plane.update({
    secrets: { set: [secret('own', own)] },
    listeners: { set: [listener([chain([saying('a')], {}, options({ certificateSecrets: ['own'] }))])] },
  });
  const { refused } = await plane.update({
    secrets: {
      set: [secret('own', { cert: own.cert, key: other.key }), secret('new', { cert: 'x', key: 'y' })],
    },
  });
  assert.deepEqual(
    refused.map((r) => [r.kind, r.name]),
    [
      ['secrets', 'own'],
      ['secrets', 'new'],
    ],
  );
  assert.equal(await get(portOf(plane), authority, 'a.test'), 'a');
});

test('only the signature algorithms that are asked for are used', async (t) => {
  const authority = await createTestAuthority();
  const certificate = await authority.issue({ dns: ['a.example'] });
  const served = async (signatureAlgorithms: readonly string[]): Promise<number> => {
    const dataPlane = startDataPlane(t);
    const tls = options({ certificates: [certificateOf(certificate)], signatureAlgorithms });
    const { refused } = await dataPlane.update({
      listeners: { set: [listener([chain([saying('a')], {}, tls)])] },
    });
    assert.deepEqual(refused, []);
    return portOf(dataPlane);
  };
  const client = { servername: 'a.example', maxVersion: 'TLSv1.2', sigalgs: 'ECDSA+SHA512' } as const;
  (await handshake(await served([]), authority, client)).destroy();
  const strict = await served(['ecdsa_secp256r1_sha256']);
  await assert.rejects(handshake(strict, authority, client));
  (await handshake(strict, authority, { ...client, sigalgs: 'ECDSA+SHA256' })).destroy();
});

test('a listener is refused by the places of what cannot be used of its own TLS, and the one before stays', async (t) => {
  const authority = await createTestAuthority();
  const own = await authority.issue({ dns: ['a.test'] });
  const other = await authority.issue({ dns: ['a.test'] });
  const plane = startDataPlane(t);
  const good = options({ certificates: [certificateOf(own)] });
  await plane.update({ listeners: { set: [listener([chain([saying('before')], {}, good)])] } });
  const bad = options({
    certificates: [
      certificateOf(own),
      certificateOf({ cert: own.cert, key: other.key }),
      { chain: { kind: 'file', path: '/nowhere/cert.pem' }, privateKey: bytes(own.key) },
    ],
    validation: {
      trustedCa: bytes('no certificate'),
      sanMatches: [],
      certificateHashes: [],
      spkiHashes: [],
      allowExpired: false,
      acceptUntrusted: false,
    },
  });
  const { refused } = await plane.update({
    listeners: { set: [listener([chain([saying('after')], {}, bad)])] },
  });
  const at = 'filter_chains[0].transport_socket.typed_config.common_tls_context';
  assert.deepEqual(
    refused.flatMap((one) => one.problems.map((p) => p.path)),
    [
      `${at}.tls_certificates[1].private_key`,
      `${at}.tls_certificates[2].certificate_chain`,
      `${at}.validation_context.trusted_ca`,
    ],
  );
  assert.equal(await get(portOf(plane), authority, 'a.test'), 'before');
});

test('a client is not believed its name where neither the listener nor its secret has a root', async (t) => {
  const authority = await createTestAuthority();
  const stranger = await (await createTestAuthority()).issue({ dns: ['client.test'] });
  const rules = { certificateHashes: [], spkiHashes: [], allowExpired: false, acceptUntrusted: false };
  const plane = startDataPlane(t);
  const tls = options({
    certificates: [certificateOf(await authority.issue({ dns: ['a.test'] }))],
    validation: {
      ...rules,
      sanMatches: [{ type: 'dns', match: { kind: 'exact', value: 'client.test', ignoreCase: false } }],
    },
    validationSecret: 'roots',
  });
  const roots = (trustedCa: object): Secret => ({
    kind: 'validation',
    name: 'roots',
    validation: { ...rules, sanMatches: [], ...trustedCa },
  });
  await plane.update({
    secrets: { set: [roots({})] },
    listeners: { set: [listener([chain([saying('a')], {}, tls)])] },
  });
  const visit = async (client: TestCertificate): Promise<string> => {
    const socket = await handshake(portOf(plane), authority, { servername: 'a.test', ...client });
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return answer.toString('latin1', 0, 15);
  };
  await assert.rejects(visit(stranger));
  await plane.update({ secrets: { set: [roots({ trustedCa: bytes(authority.root) })] } });
  assert.equal(await visit(await authority.issue({ dns: ['client.test'] })), 'HTTP/1.1 200 OK');
});
