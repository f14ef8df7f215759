import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { IstioCertificateService } from '@lateen/protocol/istio/v1/auth';
import { createTestAuthority, type TestAuthority } from '@lateen/testkit';
import { createChannel, createGrpcServer } from './index.ts';
import { rejection } from './testing/rejection.ts';

const unaryMethod = IstioCertificateService.createCertificate;

describe('TLS', () => {
  let authority: TestAuthority;
  before(async () => {
    authority = await createTestAuthority();
  });

  test('shows the server the verified certificate of its client', async () => {
    const identity = 'spiffe://cluster.local/ns/default/sa/reviews';
    const server = createGrpcServer();
    server.unary(unaryMethod, (_request, { peer }) => ({
      certChain: [String(peer.verified), peer.certificate?.subjectAltName ?? ''],
    }));
    const { port } = await server.listen({
      host: '127.0.0.1',
      tls: { ...(await authority.issue({ dns: ['istiod.test'] })), clientCa: authority.root },
    });
    const client = await authority.issue({ uris: [identity] });
    const target = { host: '127.0.0.1', port };
    const channel = createChannel({
      target,
      tls: { ca: authority.root, serverName: 'istiod.test', ...client },
    });
    assert.deepEqual((await channel.unary(unaryMethod, {})).certChain, ['true', `URI:${identity}`]);
    const anonymous = createChannel({ target, tls: { ca: authority.root, serverName: 'istiod.test' } });
    assert.deepEqual((await anonymous.unary(unaryMethod, {})).certChain, ['false', '']);
    channel.close();
    anonymous.close();
    await server.close();
  });

  test('is refused where the server is not who it should be', async () => {
    const server = createGrpcServer();
    const { port } = await server.listen({
      host: '127.0.0.1',
      tls: await authority.issue({ dns: ['other.test'] }),
    });
    const target = { host: '127.0.0.1', port };
    const wrongName = createChannel({ target, tls: { ca: authority.root, serverName: 'istiod.test' } });
    assert.equal((await rejection(wrongName.unary(unaryMethod, {}))).code, 'UNAVAILABLE');
    const stranger = await createTestAuthority();
    const wrongRoot = createChannel({ target, tls: { ca: stranger.root, serverName: 'other.test' } });
    assert.equal((await rejection(wrongRoot.unary(unaryMethod, {}))).code, 'UNAVAILABLE');
    wrongName.close();
    wrongRoot.close();
    await server.close();
  });

  test('uses the new certificate for connections made after its rotation', async () => {
    const server = createGrpcServer();
    server.unary(unaryMethod, () => ({ certChain: ['ok'] }));
    const listener = await server.listen({
      host: '127.0.0.1',
      tls: await authority.issue({ dns: ['old.test'] }),
    });
    const call = async (serverName: string): Promise<unknown> => {
      const channel = createChannel({
        target: { host: '127.0.0.1', port: listener.port },
        tls: { ca: authority.root, serverName },
      });
      try {
        return await channel.unary(unaryMethod, {});
      } finally {
        channel.close();
      }
    };
    await call('old.test');
    listener.updateTls(await authority.issue({ dns: ['new.test'] }));
    await call('new.test');
    assert.equal((await rejection(call('old.test'))).code, 'UNAVAILABLE');
    await server.close();
  });
});
