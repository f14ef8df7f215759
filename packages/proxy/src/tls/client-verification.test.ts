import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { createTestAuthority, type TestCertificate } from '@lateen/testkit';
import {
  defaultFilterChain,
  defaultHttpConnectionManager,
  defaultListener,
  defaultRoute,
  type CertificateValidation,
} from '../model/index.ts';
import { portOf, routeTable, startDataPlane, statOf, type Closers } from '../testing/harness.ts';

const bytes = (text: string) => ({ kind: 'inline' as const, bytes: Buffer.from(text) });

interface Served {
  /** The body that a client with this certificate is answered; empty where it is refused. */
  answer(client?: TestCertificate): Promise<string>;
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
  return {
    async answer(client) {
      const socket = connect({
        host: '127.0.0.1',
        port: portOf(plane),
        rejectUnauthorized: false,
        ...client,
      });
      // A refusal is seen as a reset or as an end.
      socket.on('error', () => {});
      let answer = '';
      socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
      socket.write('GET / HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n');
      await once(socket, 'close');
      return answer.slice(answer.indexOf('\r\n\r\n') + 4);
    },
    refused: () => statOf(plane, 'listener.127.0.0.1_0.ssl.fail_verify_error'),
  };
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
