import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import * as grpcJs from '@grpc/grpc-js';
import {
  AggregatedDiscoveryService,
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
} from '@lateen/protocol/envoy/service/discovery/v3';
import {
  IstioCertificateRequest,
  IstioCertificateResponse,
  IstioCertificateService,
} from '@lateen/protocol/istio/v1/auth';
import { createTestAuthority, type TestAuthority, type TestCertificate } from '@lateen/testkit';
import { decode } from '../codec/decode.ts';
import { encode } from '../codec/encode.ts';
import type { MessageType } from '../codec/message-type.ts';
import { createChannel, createGrpcServer, GrpcError, type Channel, type GrpcServer } from './index.ts';

// Both directions against @grpc/grpc-js, plain and over TLS: what we speak is gRPC, not a dialect of ours.

const streamPath = AggregatedDiscoveryService.deltaAggregatedResources.path;
const unaryPath = IstioCertificateService.createCertificate.path;

function serializer<T>(type: MessageType<T>): (value: T) => Buffer {
  return (value) => Buffer.from(encode(type, value));
}

function deserializer<T>(type: MessageType<T>): (bytes: Buffer) => T {
  return (bytes) => {
    const decoded = decode(type, bytes);
    assert.ok(decoded.ok);
    return decoded.value;
  };
}

const definition = {
  delta: {
    path: streamPath,
    requestStream: true,
    responseStream: true,
    requestSerialize: serializer(DeltaDiscoveryRequest),
    requestDeserialize: deserializer(DeltaDiscoveryRequest),
    responseSerialize: serializer(DeltaDiscoveryResponse),
    responseDeserialize: deserializer(DeltaDiscoveryResponse),
  },
  sign: {
    path: unaryPath,
    requestStream: false,
    responseStream: false,
    requestSerialize: serializer(IstioCertificateRequest),
    requestDeserialize: deserializer(IstioCertificateRequest),
    responseSerialize: serializer(IstioCertificateResponse),
    responseDeserialize: deserializer(IstioCertificateResponse),
  },
} as const;

const big = new Uint8Array(3 * 1024 * 1024).map((_, i) => i);
const failure = 'dénied: 50% done';

let authority: TestAuthority;
let certificate: TestCertificate;
before(async () => {
  authority = await createTestAuthority();
  certificate = await authority.issue({ dns: ['localhost'], ips: ['127.0.0.1'] });
});

for (const secure of [false, true]) {
  describe(`our client with grpc-js's server, ${secure ? 'TLS' : 'plain text'}`, () => {
    let server: grpcJs.Server;
    let channel: Channel;
    before(async () => {
      server = new grpcJs.Server({ 'grpc.max_receive_message_length': -1 });
      server.addService(definition, {
        sign(
          call: grpcJs.ServerUnaryCall<IstioCertificateRequest, IstioCertificateResponse>,
          done: grpcJs.sendUnaryData<IstioCertificateResponse>,
        ) {
          if (call.request.csr === 'fail') {
            done({ code: grpcJs.status.PERMISSION_DENIED, details: failure });
          } else if (call.request.csr !== 'never') {
            done(null, {
              certChain: [call.request.csr ?? '', String(call.metadata.get('authorization')[0])],
            });
          }
        },
        delta(call: grpcJs.ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>) {
          call.on('data', (request: DeltaDiscoveryRequest) => {
            if (request.typeUrl === 'fail') {
              call.emit('error', { code: grpcJs.status.RESOURCE_EXHAUSTED, details: failure });
            } else {
              call.write({
                nonce: request.responseNonce,
                resources: [{ resource: { typeUrl: 'b', value: big } }],
              });
            }
          });
          call.on('end', () => call.end());
        },
      });
      const credentials = secure
        ? grpcJs.ServerCredentials.createSsl(null, [
            { cert_chain: Buffer.from(certificate.cert), private_key: Buffer.from(certificate.key) },
          ])
        : grpcJs.ServerCredentials.createInsecure();
      const port = await new Promise<number>((resolve, reject) =>
        server.bindAsync('127.0.0.1:0', credentials, (error, bound) =>
          error ? reject(error) : resolve(bound),
        ),
      );
      channel = createChannel({
        target: { host: '127.0.0.1', port },
        metadata: () => ({ authorization: 'Bearer x' }),
        ...(secure ? { tls: { ca: authority.root, serverName: 'localhost' } } : {}),
      });
    });
    after(() => {
      channel.close();
      server.forceShutdown();
    });

    test('calls and is answered', async () => {
      const response = await channel.unary(IstioCertificateService.createCertificate, { csr: 'c' });
      assert.deepEqual(response.certChain, ['c', 'Bearer x']);
    });

    test('sees the status', async () => {
      await assert.rejects(
        channel.unary(IstioCertificateService.createCertificate, { csr: 'fail' }),
        (error) => {
          assert.ok(error instanceof GrpcError);
          assert.deepEqual([error.code, error.message], ['PERMISSION_DENIED', failure]);
          return true;
        },
      );
    });

    test('gives up at its deadline', async () => {
      await assert.rejects(
        channel.unary(IstioCertificateService.createCertificate, { csr: 'never' }, { timeoutMs: 20 }),
        { code: 'DEADLINE_EXCEEDED' },
      );
    });

    test('streams large messages through flow control', async () => {
      const nonces: (string | undefined)[] = [];
      const ended = Promise.withResolvers<GrpcError | undefined>();
      const stream = channel.openStream(AggregatedDiscoveryService.deltaAggregatedResources, {
        onMessage(message) {
          nonces.push(message.nonce);
          assert.ok(Buffer.from(big).equals(message.resources?.[0]?.resource?.value ?? big.subarray(1)));
        },
        onEnd: ended.resolve,
      });
      for (const nonce of ['1', '2', '3']) {
        if (!stream.send({ responseNonce: nonce })) await stream.drained();
      }
      stream.end();
      assert.equal(await ended.promise, undefined);
      assert.deepEqual(nonces, ['1', '2', '3']);
    });

    test('sees a stream end with a status', async () => {
      const ended = Promise.withResolvers<GrpcError | undefined>();
      const stream = channel.openStream(AggregatedDiscoveryService.deltaAggregatedResources, {
        onMessage() {},
        onEnd: ended.resolve,
      });
      stream.send({ typeUrl: 'fail' });
      const error = await ended.promise;
      assert.deepEqual([error?.code, error?.message], ['RESOURCE_EXHAUSTED', failure]);
    });
  });

  describe(`grpc-js's client with our server, ${secure ? 'TLS' : 'plain text'}`, () => {
    let server: GrpcServer;
    let client: grpcJs.Client;
    let closed: PromiseWithResolvers<void>;
    before(async () => {
      server = createGrpcServer();
      server.unary(IstioCertificateService.createCertificate, (request, call) => {
        if (request.csr === 'fail') throw new GrpcError('PERMISSION_DENIED', failure);
        if (request.csr === 'never') return new Promise(() => {});
        return { certChain: [request.csr ?? '', call.metadata['authorization'] ?? ''] };
      });
      server.stream(AggregatedDiscoveryService.deltaAggregatedResources, (stream) => ({
        onMessage(request) {
          if (request.typeUrl === 'fail') stream.fail(new GrpcError('RESOURCE_EXHAUSTED', failure));
          else {
            stream.sendEncoded([
              encode(DeltaDiscoveryResponse, { nonce: request.responseNonce }),
              encode(DeltaDiscoveryResponse, { resources: [{ resource: { typeUrl: 'b', value: big } }] }),
            ]);
          }
        },
        onClose: () => closed.resolve(),
      }));
      const { port } = await server.listen({ host: '127.0.0.1', ...(secure ? { tls: certificate } : {}) });
      client = new grpcJs.Client(
        `127.0.0.1:${port}`,
        secure
          ? grpcJs.credentials.createSsl(Buffer.from(authority.root))
          : grpcJs.credentials.createInsecure(),
        { 'grpc.max_receive_message_length': -1, 'grpc.ssl_target_name_override': 'localhost' },
      );
    });
    after(async () => {
      client.close();
      await server.close();
    });

    const sign = (
      csr: string,
      options: grpcJs.CallOptions = {},
    ): Promise<IstioCertificateResponse | undefined> => {
      const metadata = new grpcJs.Metadata();
      metadata.set('authorization', 'Bearer x');
      const { requestSerialize, responseDeserialize } = definition.sign;
      return new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          unaryPath,
          requestSerialize,
          responseDeserialize,
          { csr },
          metadata,
          options,
          (error, value) => (error ? reject(error) : resolve(value)),
        );
      });
    };
    const open = (): grpcJs.ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse> => {
      closed = Promise.withResolvers<void>();
      const { requestSerialize, responseDeserialize } = definition.delta;
      return client.makeBidiStreamRequest(streamPath, requestSerialize, responseDeserialize);
    };

    // Not by events.once: an error comes before the status and would reject it.
    const statusOf = (
      stream: grpcJs.ClientDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>,
    ): Promise<grpcJs.StatusObject> => new Promise((resolve) => void stream.once('status', resolve));

    test('calls and is answered', async () => {
      assert.deepEqual((await sign('c'))?.certChain, ['c', 'Bearer x']);
    });

    test('sees the status', async () => {
      await assert.rejects(sign('fail'), { code: grpcJs.status.PERMISSION_DENIED, details: failure });
    });

    test('has its deadline kept', async () => {
      await assert.rejects(sign('never', { deadline: Date.now() + 20 }), {
        code: grpcJs.status.DEADLINE_EXCEEDED,
      });
    });

    test('gets large messages and an OK at the end', async () => {
      const stream = open();
      const nonces: (string | undefined)[] = [];
      stream.on('data', (message: DeltaDiscoveryResponse) => {
        nonces.push(message.nonce);
        assert.ok(Buffer.from(big).equals(message.resources?.[0]?.resource?.value ?? big.subarray(1)));
        if (nonces.length === 3) stream.end();
      });
      for (const nonce of ['1', '2', '3']) stream.write({ responseNonce: nonce });
      const status = await statusOf(stream);
      assert.equal(status.code, grpcJs.status.OK);
      assert.deepEqual(nonces, ['1', '2', '3']);
      await closed.promise;
    });

    test('sees a stream end with a status', async () => {
      const stream = open();
      stream.on('data', () => {});
      stream.on('error', () => {});
      stream.write({ typeUrl: 'fail' });
      const status = await statusOf(stream);
      assert.deepEqual([status.code, status.details], [grpcJs.status.RESOURCE_EXHAUSTED, failure]);
      await closed.promise;
    });

    test('that cancels a stream closes it on the server', async () => {
      const stream = open();
      stream.on('error', () => {});
      stream.write({ responseNonce: '1' });
      await once(stream, 'data');
      stream.cancel();
      await closed.promise;
    });
  });
}
