import assert from 'node:assert/strict';
import { once } from 'node:events';
import { before, test, type TestContext } from 'node:test';
import { connect, type ConnectionOptions, type DetailedPeerCertificate } from 'node:tls';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '@lateen/testkit';
import {
  defaultFilterChain,
  defaultHttpConnectionManager,
  defaultListener,
  defaultRoute,
  type DownstreamTls,
} from '../model/index.ts';
import type { DataPlane } from '../data-plane.ts';
import { portOf, routeTable, startDataPlane } from '../testing/harness.ts';
import { compileCertificateChoice } from './certificate-choice.ts';

const bytes = (text: string) => ({ kind: 'inline' as const, bytes: Buffer.from(text) });
const modelOf = ({ cert, key }: TestCertificate) => ({ chain: bytes(cert), privateKey: bytes(key) });

let authority: TestAuthority;
before(async () => {
  authority = await createTestAuthority();
});

async function serve(t: TestContext, more: Partial<DownstreamTls>): Promise<DataPlane> {
  const action = { kind: 'direct_response', status: 200, body: Buffer.from('hello') } as const;
  const config = routeTable([defaultRoute(action)]);
  const manager = defaultHttpConnectionManager({ kind: 'inline', config });
  const transport: DownstreamTls = {
    kind: 'downstream_tls',
    options: { certificates: [], certificateSecrets: [], alpn: [], cipherSuites: [], ecdhCurves: [] },
    requireClientCertificate: false,
    disableStatelessResumption: false,
    ...more,
  };
  const plane = startDataPlane(t);
  const { refused } = await plane.update({
    listeners: {
      set: [
        defaultListener('main', { kind: 'socket', address: '127.0.0.1', port: 0 }, [
          { ...defaultFilterChain([manager]), transport },
        ]),
      ],
    },
  });
  assert.deepEqual(refused, []);
  return plane;
}

const optionsOf = (certificates: readonly TestCertificate[]): DownstreamTls['options'] => ({
  certificates: certificates.map(modelOf),
  certificateSecrets: [],
  alpn: [],
  cipherSuites: [],
  ecdhCurves: [],
});

interface Shown {
  readonly certificate: DetailedPeerCertificate;
  readonly reused: boolean;
  readonly session: Buffer | undefined;
}

/** The certificate that a client is shown, which must be one of the authority's; the server's answer has come. */
async function shownTo(plane: DataPlane, client: ConnectionOptions): Promise<Shown> {
  const servername = client.servername ?? '';
  const socket = connect({
    host: '127.0.0.1',
    port: portOf(plane),
    ca: authority.root,
    checkServerIdentity: () => undefined,
    ...client,
    servername,
  });
  let session: Buffer | undefined;
  socket.on('session', (ticket: Buffer) => (session = ticket));
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerCertificate(true);
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await once(socket, 'data');
  const reused = socket.isSessionReused();
  socket.destroy();
  return { certificate, reused, session };
}

const kindOf = ({ certificate }: Shown): string => certificate.asn1Curve ?? `RSA ${certificate.bits}`;
const namesOf = ({ certificate }: Shown): string => certificate.subjectaltname ?? '';

/** Clients that cannot verify ECDSA, by either way of saying so. */
const rsaOnly: readonly ConnectionOptions[] = [
  { sigalgs: 'rsa_pss_rsae_sha256:RSA+SHA256' },
  { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' },
];
const any: readonly ConnectionOptions[] = [{}, { maxVersion: 'TLSv1.2' }];

test('the name that a client asks for chooses among the certificates of one chain: exact, by wildcard, else the first', async (t) => {
  const plane = await serve(t, {
    options: optionsOf([
      await authority.issue({ dns: ['first.test'] }),
      await authority.issue({ dns: ['*.wild.test'] }),
      await authority.issue({ dns: ['a.wild.test', 'other.test'] }),
    ]),
  });
  for (const version of any) {
    const shown = async (servername: string): Promise<string> =>
      namesOf(await shownTo(plane, { ...version, servername }));
    assert.equal(await shown('first.test'), 'DNS:first.test');
    assert.equal(await shown('A.wild.test'), 'DNS:a.wild.test, DNS:other.test');
    assert.equal(await shown('other.test'), 'DNS:a.wild.test, DNS:other.test');
    assert.equal(await shown('b.wild.test'), 'DNS:*.wild.test');
    assert.equal(await shown('c.b.wild.test'), 'DNS:first.test');
    assert.equal(await shown(''), 'DNS:first.test');
  }
});

test('an ECDSA certificate is shown to clients that can verify its curve, an RSA one to the others', async (t) => {
  const plane = await serve(t, {
    options: optionsOf([
      await authority.issue({ dns: ['a.test'], key: 'RSA' }),
      await authority.issue({ dns: ['a.test'], key: 'P-384' }),
    ]),
  });
  for (const servername of ['a.test', '']) {
    for (const client of any)
      assert.equal(kindOf(await shownTo(plane, { ...client, servername })), 'secp384r1');
    for (const client of rsaOnly)
      assert.equal(kindOf(await shownTo(plane, { ...client, servername })), 'RSA 2048');
    const other = { servername, sigalgs: 'ecdsa_secp256r1_sha256:rsa_pss_rsae_sha256' };
    assert.equal(kindOf(await shownTo(plane, { ...other, minVersion: 'TLSv1.3' })), 'RSA 2048');
  }
});

test('without a certificate for the name the first is shown, or one that suits where all are looked at', async (t) => {
  const options = optionsOf([
    await authority.issue({ dns: ['a.test'] }),
    await authority.issue({ dns: ['b.test'], key: 'RSA' }),
  ]);
  const client = { servername: 'none.test', ...rsaOnly[0] };
  await assert.rejects(shownTo(await serve(t, { options }), client));
  const plane = await serve(t, { options, scansAllCertificates: true });
  assert.equal(namesOf(await shownTo(plane, client)), 'DNS:b.test');
  assert.equal(namesOf(await shownTo(plane, { servername: 'none.test' })), 'DNS:a.test');
});

test('a session with a certificate that was chosen is resumed, with the issuers of each certificate sent at first', async (t) => {
  const below = await authority.issueAuthority('Below');
  const plane = await serve(t, {
    options: optionsOf([await authority.issue({ dns: ['a.test'] }), await below.issue({ dns: ['b.test'] })]),
  });
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const client = { servername: 'b.test', minVersion: version, maxVersion: version };
    const first = await shownTo(plane, client);
    assert.equal(namesOf(first), 'DNS:b.test');
    assert.equal(first.certificate.issuerCertificate.subject.CN, 'Below');
    assert.ok(first.session !== undefined);
    assert.equal((await shownTo(plane, { ...client, session: first.session })).reused, true);
  }
});

test('certificates of several secrets are chosen from, and a new version of one is shown to the next client', async (t) => {
  const plane = await serve(t, {
    options: { ...optionsOf([]), certificateSecrets: ['one', 'two'] },
  });
  const put = (name: string, own: TestCertificate) =>
    plane.update({ secrets: { set: [{ kind: 'certificate', name, certificate: modelOf(own) }] } });
  await put('one', await authority.issue({ dns: ['a.test'] }));
  await put('two', await authority.issue({ dns: ['b.test'] }));
  assert.equal(namesOf(await shownTo(plane, { servername: 'b.test' })), 'DNS:b.test');
  await put('two', await authority.issue({ dns: ['b.test', 'c.test'] }));
  assert.equal(namesOf(await shownTo(plane, { servername: 'c.test' })), 'DNS:b.test, DNS:c.test');
});

test('of certificates with one kind of key the earlier serves a name, and one with a curve that is unknown to the client never', () => {
  const choose = compileCertificateChoice(
    [
      { names: ['a'], curve: 'P-521' },
      { names: ['a', '*.b'], curve: 'P-256' },
      { names: ['*.b'], curve: undefined },
    ],
    false,
  );
  assert.equal(choose({ serverName: 'a', ecdsaCurves: ['P-256', 'P-521'], wantsStatus: false }), 0);
  // The name is known, but its certificate suits nobody: the first, as where nothing matches.
  assert.equal(choose({ serverName: 'a', ecdsaCurves: ['P-256'], wantsStatus: false }), 0);
  assert.equal(choose({ serverName: 'x.b', ecdsaCurves: ['P-256'], wantsStatus: false }), 1);
  assert.equal(choose({ serverName: 'x.b', ecdsaCurves: ['P-384'], wantsStatus: false }), 2);
  assert.equal(choose({ serverName: '', ecdsaCurves: ['P-256'], wantsStatus: false }), 1);
  assert.equal(choose({ serverName: '', ecdsaCurves: [], wantsStatus: false }), 2);
  assert.equal(choose({ serverName: 'b', ecdsaCurves: [], wantsStatus: false }), 0);
});
