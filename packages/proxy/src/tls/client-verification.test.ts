import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { createTestAuthority, type TestCertificate } from '@lateen/testkit';
import {
  defaultFilterChain,
  defaultHttpConnectionManager,
  defaultListener,
  defaultRoute,
  type CertificateValidation,
} from '../model/index.ts';
import type { DataPlane } from '../data-plane.ts';
import { portOf, routeTable, startDataPlane, statOf, type Closers } from '../testing/harness.ts';

const bytes = (text: string) => ({ kind: 'inline' as const, bytes: Buffer.from(text) });

interface Served {
  /** The body that a client with this certificate is answered; empty where it is refused. */
  answer(client?: TestCertificate): Promise<string>;
  /** The alert that a client with this certificate hears. */
  alert(client: TestCertificate | undefined, version: SecureVersion): Promise<string>;
  readonly plane: DataPlane;
  /** How many clients were refused for the chain of their certificate. */
  refused(): number;
}

/** A listener whose clients are verified so. */
async function serve(
  t: Closers,
  own: TestCertificate,
  validation: Partial<CertificateValidation>,
): Promise<Served> {
  const action = { kind: 'direct_response', status: 200, body: Buffer.from('hello') } as const;
  const config = routeTable([defaultRoute(action)]);
  const manager = defaultHttpConnectionManager({ kind: 'inline', config });
  const chain = {
    ...defaultFilterChain([manager]),
    transport: {
      kind: 'downstream_tls' as const,
      options: {
        certificates: [{ chain: bytes(own.cert), privateKey: bytes(own.key) }],
        certificateSecrets: [],
        validation: {
          sanMatches: [],
          certificateHashes: [],
          spkiHashes: [],
          allowExpired: false,
          acceptUntrusted: false,
          ...validation,
        },
        alpn: [],
        cipherSuites: [],
        ecdhCurves: [],
      },
      requireClientCertificate: true,
      disableStatelessResumption: false,
    },
  };
  const plane = startDataPlane(t);
  const listener = defaultListener('main', { kind: 'socket', address: '127.0.0.1', port: 0 }, [chain]);
  assert.deepEqual(await plane.update({ listeners: { set: [listener] } }), { refused: [] });
  const request = (client: TestCertificate | undefined, maxVersion?: SecureVersion): TLSSocket => {
    const version = maxVersion === undefined ? {} : { maxVersion };
    const to = { host: '127.0.0.1', port: portOf(plane), rejectUnauthorized: false };
    const socket = connect({ ...to, ...version, ...client });
    socket.on('error', () => {});
    return socket;
  };
  return {
    async answer(client) {
      const socket = request(client);
      let answer = '';
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
      socket.write('GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n');
      await closed(socket);
      return answer.slice(answer.indexOf('\r\n\r\n') + 4);
    },
    async alert(client, version) {
      const socket = request(client, version);
      let alert = '';
      socket.once('error', (error: Error & { reason?: string }) => (alert = error.reason ?? error.message));
      socket.resume();
      await closed(socket);
      return alert.slice(alert.indexOf('alert '));
    },
    plane,
    refused: () => statOf(plane, 'listener.127.0.0.1_0.ssl.fail_verify_error'),
  };
}

function closed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

const longAgo = { notBefore: new Date(0), notAfter: new Date(1_000) };
const later = { notBefore: new Date(Date.now() + 1_800_000) };

test('a certificate out of its time is accepted where that is allowed, and then only from who is trusted', async (t) => {
  const [authority, other] = [await createTestAuthority(), await createTestAuthority('Other')];
  const own = await authority.issue({ dns: ['a.test'] });
  const trustedCa = bytes(authority.root);
  const strict = await serve(t, own, { trustedCa });
  const lenient = await serve(t, own, { trustedCa, allowExpired: true });
  for (const time of [longAgo, later]) {
    const client = await authority.issue({ dns: ['client.test'], ...time });
    assert.equal(await strict.answer(client), '');
    assert.equal(await lenient.answer(client), 'hello');
    assert.equal(await lenient.answer(await other.issue({ dns: ['client.test'], ...time })), '');
  }
  assert.deepEqual([strict.refused(), lenient.refused()], [2, 2]);
});

test('a chain of more issuers than max_verify_depth is refused', async (t) => {
  const authority = await createTestAuthority();
  const own = await authority.issue({ dns: ['a.test'] });
  const below = await authority.issueAuthority('Below');
  const [near, far] = [
    await below.issue({ dns: ['client.test'] }),
    await (await below.issueAuthority('Further')).issue({ dns: ['client.test'] }),
  ];
  const trustedCa = bytes(authority.root);
  const any = await serve(t, own, { trustedCa });
  assert.equal(await any.answer(far), 'hello');
  const one = await serve(t, own, { trustedCa, maxVerifyDepth: 1 });
  assert.equal(await one.answer(near), 'hello');
  assert.equal(await one.answer(far), '');
  assert.equal(one.refused(), 1);
  // No issuer at all may stand between.
  const none = await serve(t, own, { trustedCa, maxVerifyDepth: 0 });
  assert.equal(await none.answer(near), '');
  assert.equal(await none.answer(own), 'hello');
});

test('a revoked certificate is refused, and lists of all issuers are needed unless only the leaf is looked up', async (t) => {
  const authority = await createTestAuthority();
  const own = await authority.issue({ dns: ['a.test'] });
  const below = await authority.issueAuthority('Below');
  const [good, revoked] = [
    await below.issue({ dns: ['good.test'] }),
    await below.issue({ dns: ['bad.test'] }),
  ];
  const trustedCa = bytes(authority.root);
  const ofLeaf = await below.revoke([revoked.cert]);
  const ofBoth = `${ofLeaf}\n${await authority.revoke([])}`;
  const both = await serve(t, own, { trustedCa, crl: bytes(ofBoth) });
  assert.equal(await both.answer(good), 'hello');
  assert.equal(await both.answer(revoked), '');
  assert.equal(both.refused(), 1);
  const missing = await serve(t, own, { trustedCa, crl: bytes(ofLeaf) });
  assert.equal(await missing.answer(good), '');
  const leaf = await serve(t, own, { trustedCa, crl: bytes(ofLeaf), revocationOfLeafOnly: true });
  assert.equal(await leaf.answer(good), 'hello');
  assert.equal(await leaf.answer(revoked), '');
});

test('ACCEPT_UNTRUSTED takes a certificate of anybody, but asks for one', async (t) => {
  const [authority, other] = [await createTestAuthority(), await createTestAuthority('Other')];
  const own = await authority.issue({ dns: ['a.test'] });
  const served = await serve(t, own, { trustedCa: bytes(authority.root), acceptUntrusted: true });
  assert.equal(await served.answer(await other.issue({ dns: ['client.test'] })), 'hello');
  assert.equal(await served.answer(), '');
});

test('a client hears by an alert why its certificate is refused', async (t) => {
  const [authority, other] = [await createTestAuthority(), await createTestAuthority('Other')];
  const own = await authority.issue({ dns: ['a.test'] });
  const served = await serve(t, own, {
    trustedCa: bytes(authority.root),
    sanMatches: [{ type: 'dns', match: { kind: 'exact', value: 'client.test' } }],
  });
  const named = await authority.issue({ dns: ['client.test'] });
  assert.equal(await served.answer(named), 'hello');
  const expected = [
    [undefined, 'alert certificate required', 'alert handshake failure'],
    [await other.issue({ dns: ['client.test'] }), 'alert unknown ca', 'alert unknown ca'],
    [
      await authority.issue({ dns: ['client.test'], ...longAgo }),
      'alert certificate expired',
      'alert certificate expired',
    ],
    [
      await authority.issue({ dns: ['client.test'], ...later }),
      'alert certificate expired',
      'alert certificate expired',
    ],
    [
      await authority.issue({ dns: ['another.test'] }),
      'alert certificate unknown',
      'alert certificate unknown',
    ],
  ] as const;
  for (const [client, thirteen, twelve] of expected) {
    assert.equal(await served.alert(client, 'TLSv1.3'), thirteen);
    assert.equal(await served.alert(client, 'TLSv1.2'), twelve);
  }
  assert.deepEqual(
    ['fail_verify_no_cert', 'fail_verify_error', 'fail_verify_san', 'connection_error'].map((name) =>
      statOf(served.plane, `listener.127.0.0.1_0.ssl.${name}`),
    ),
    [2, 6, 2, 0],
  );
});
