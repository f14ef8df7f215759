import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '@lateen/testkit';
import {
  defaultFilterChain,
  defaultHttpConnectionManager,
  defaultListener,
  defaultRoute,
  type CertificateValidation,
  type DownstreamTls,
  type Listener,
  type Secret,
} from '../model/index.ts';
import { portOf, routeTable, startDataPlane } from '../testing/harness.ts';

const bytes = (content: string | Buffer) => ({ kind: 'inline' as const, bytes: Buffer.from(content) });
/** 80 bytes that are all the same: a name, an HMAC key, an AES key. */
const key = (value: number) => bytes(Buffer.alloc(80, value));
const versions = ['TLSv1.2', 'TLSv1.3'] as const;

function tlsListener(
  own: TestCertificate,
  more: Partial<DownstreamTls>,
  validation?: CertificateValidation,
): Listener {
  const action = { kind: 'direct_response', status: 200, body: Buffer.from('hello') } as const;
  const manager = defaultHttpConnectionManager({
    kind: 'inline',
    config: routeTable([defaultRoute(action)]),
  });
  const transport: DownstreamTls = {
    kind: 'downstream_tls',
    options: {
      certificates: [{ chain: bytes(own.cert), privateKey: bytes(own.key) }],
      certificateSecrets: [],
      ...(validation === undefined ? {} : { validation }),
      alpn: [],
      cipherSuites: [],
      ecdhCurves: [],
    },
    requireClientCertificate: false,
    disableStatelessResumption: false,
    ...more,
  };
  return defaultListener('main', { kind: 'socket', address: '127.0.0.1', port: 0 }, [
    { ...defaultFilterChain([manager]), transport },
  ]);
}

const trusting = ({ root }: TestAuthority): CertificateValidation => ({
  trustedCa: bytes(root),
  sanMatches: [],
  certificateHashes: [],
  spkiHashes: [],
  allowExpired: false,
  acceptUntrusted: false,
});

interface Visit {
  readonly version: (typeof versions)[number];
  readonly session?: Buffer | undefined;
  readonly own?: TestCertificate;
}

/** One request on a connection of its own: whether the session was resumed, and the last ticket that was given. */
async function visit(
  port: number,
  authority: TestAuthority,
  { version, session, own }: Visit,
): Promise<{ readonly reused: boolean; readonly session: Buffer | undefined }> {
  const socket = connect({
    host: '127.0.0.1',
    port,
    servername: 'a.test',
    ca: authority.root,
    minVersion: version,
    maxVersion: version,
    ...(session === undefined ? {} : { session }),
    ...own,
  });
  let given: Buffer | undefined;
  let reused = false;
  socket.on('secureConnect', () => (reused = socket.isSessionReused()));
  socket.on('session', (ticket: Buffer) => (given = ticket));
  socket.write('GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n');
  let answer = '';
  socket.on('data', (chunk: Buffer) => {
    answer += chunk.toString();
    // No event tells of a ticket that is renewed before TLS 1.3.
    if (version === 'TLSv1.2') given = socket.getSession();
  });
  await once(socket, 'close');
  assert.match(answer, /hello$/);
  return { reused, session: given };
}

test('sessions outlive a new certificate and the process where the keys of tickets are given', async (t) => {
  const authority = await createTestAuthority();
  const [first, second] = [
    await authority.issue({ dns: ['a.test'] }),
    await authority.issue({ dns: ['a.test'] }),
  ];
  for (const version of versions) {
    const plane = startDataPlane(t);
    const serve = (own: TestCertificate) =>
      plane.update({ listeners: { set: [tlsListener(own, { sessionTicketKeys: [key(1)] })] } });
    assert.deepEqual(await serve(first), { refused: [] });
    const { reused, session } = await visit(portOf(plane), authority, { version });
    assert.equal(reused, false);
    assert.deepEqual(await serve(second), { refused: [] });
    assert.equal((await visit(portOf(plane), authority, { version, session })).reused, true, version);
    // As the next process of a hot restart, or another replica of a gateway: nothing in common but the keys.
    const next = startDataPlane(t);
    await next.update({
      listeners: { set: [tlsListener(second, { sessionTicketKeys: [key(1)] })] },
    });
    assert.equal((await visit(portOf(next), authority, { version, session })).reused, true, version);
    const stranger = startDataPlane(t);
    await stranger.update({ listeners: { set: [tlsListener(second, {})] } });
    assert.equal((await visit(portOf(stranger), authority, { version, session })).reused, false);
  }
});

test('the first key encrypts and the others decrypt, as a secret gives them', async (t) => {
  const authority = await createTestAuthority();
  const own = await authority.issue({ dns: ['a.test'] });
  for (const version of versions) {
    const plane = startDataPlane(t);
    const give = (...values: number[]) => {
      const secret: Secret = { kind: 'ticket_keys', name: 'tickets', keys: values.map(key) };
      return plane.update({ secrets: { set: [secret] } });
    };
    await give(1);
    const listener = tlsListener(own, { sessionTicketKeysSecret: 'tickets' });
    await plane.update({ listeners: { set: [listener] } });
    const port = portOf(plane);
    const old = await visit(port, authority, { version });
    await give(2, 1);
    const renewed = await visit(port, authority, { version, session: old.session });
    assert.equal(renewed.reused, true);
    await give(2);
    assert.equal((await visit(port, authority, { version, session: old.session })).reused, false);
    assert.equal((await visit(port, authority, { version, session: renewed.session })).reused, true);
  }
});

test('a session is not resumed where clients are judged by other roots, though the keys are the same', async (t) => {
  const [authority, other] = [await createTestAuthority(), await createTestAuthority('Other')];
  const own = await authority.issue({ dns: ['a.test'] });
  const client = await authority.issue({ dns: ['client.test'] });
  const [here, there] = [startDataPlane(t), startDataPlane(t)];
  const keys = { sessionTicketKeys: [key(1)], requireClientCertificate: true };
  await here.update({ listeners: { set: [tlsListener(own, keys, trusting(authority))] } });
  await there.update({ listeners: { set: [tlsListener(own, keys, trusting(other))] } });
  for (const version of versions) {
    const { session } = await visit(portOf(here), authority, { version, own: client });
    assert.equal(
      (await visit(portOf(here), authority, { version, session, own: client })).reused,
      true,
      version,
    );
    await assert.rejects(visit(portOf(there), authority, { version, session, own: client }));
  }
});

test('no ticket is given where that is switched off, and a key of another length is refused', async (t) => {
  const authority = await createTestAuthority();
  const own = await authority.issue({ dns: ['a.test'] });
  const plane = startDataPlane(t);
  const off = { sessionTicketKeys: [key(1)], disableStatelessResumption: true };
  await plane.update({ listeners: { set: [tlsListener(own, off)] } });
  for (const version of versions) {
    const { session } = await visit(portOf(plane), authority, { version });
    assert.equal((await visit(portOf(plane), authority, { version, session })).reused, false);
  }
  const short: Secret = { kind: 'ticket_keys', name: 'tickets', keys: [key(1), bytes('short')] };
  const { refused } = await plane.update({ secrets: { set: [short] } });
  assert.deepEqual(refused[0]?.problems, [
    { path: 'session_ticket_keys.keys[1]', message: 'has 5 bytes, must have 80' },
  ]);
});
