import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  AggregatedDiscoveryService,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
} from '@lateen/protocol/envoy/service/discovery/v3';
import { RateLimitService, type RateLimitResponse } from '@lateen/protocol/envoy/service/ratelimit/v3';
import { createGrpcServer, GrpcError, type GrpcServer, type ServerStream } from '@lateen/protocol/grpc';
import { createTestAuthority } from '@lateen/testkit';
import type { Cluster } from '../model/index.ts';
import { cluster, type Closers } from '../testing/harness.ts';
import { http2Cluster, http2Upstream } from '../testing/http2-peers.ts';
import { asControlPlane } from '../xds/control-plane-cluster.ts';
import { ClusterGrpcCaller, type GrpcCallerOptions, type GrpcStream } from './index.ts';
import { startClusters } from './testing/cluster-harness.ts';

const method = AggregatedDiscoveryService.deltaAggregatedResources;

type Opened = ServerStream<DeltaDiscoveryResponse>;

/** A server of ADS that tells of streams and answers each request with its first subscribed name. */
async function server(
  t: Closers,
  listen: object = {},
): Promise<{ port: number; server: GrpcServer; streams: Opened[] }> {
  const grpc = createGrpcServer();
  const streams: Opened[] = [];
  grpc.stream(method, (stream) => {
    streams.push(stream);
    return {
      onMessage: ({ resourceNamesSubscribe = [] }: DeltaDiscoveryRequest) =>
        void stream.send({ nonce: resourceNamesSubscribe[0] ?? '' }),
    };
  });
  const { port } = await grpc.listen({ host: '127.0.0.1', port: 0, ...listen });
  t.after(() => grpc.close());
  return { port, server: grpc, streams };
}

function callerOf(t: Closers, model: Cluster, options: Partial<GrpcCallerOptions> = {}): ClusterGrpcCaller {
  const { context, ref } = startClusters(t, [model]);
  return new ClusterGrpcCaller(context, { cluster: ref(model.name), metadata: () => ({}), ...options });
}

/** A stream, with what it tells in turn: nonces, and at last how it ended. */
function open(caller: ClusterGrpcCaller): {
  stream: GrpcStream<DeltaDiscoveryRequest>;
  next: () => Promise<string>;
} {
  const told: string[] = [];
  let wake = (): void => {};
  const tell = (text: string): void => {
    told.push(text);
    wake();
  };
  const stream = caller.openStream(method, {
    onMessage: ({ nonce = '' }) => tell(nonce),
    onEnd: (error) => tell(error === undefined ? 'OK' : `${error.code}: ${error.message}`),
  });
  return {
    stream,
    async next() {
      while (told.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return told.shift() ?? '';
    },
  };
}

test('messages go both ways until the server ends the stream with OK', async (t) => {
  const { port, streams } = await server(t);
  const metadata = () => ({ authorization: 'Bearer me' });
  const { stream, next } = open(callerOf(t, http2Cluster('xds', [port]), { metadata, authority: 'istiod' }));
  stream.send({ resourceNamesSubscribe: ['one'] });
  stream.send({ resourceNamesSubscribe: ['two'] });
  assert.equal(await next(), 'one');
  assert.equal(await next(), 'two');
  stream.send({ resourceNamesSubscribe: ['three'] });
  assert.equal(await next(), 'three');
  assert.equal(streams[0]?.metadata['authorization'], 'Bearer me');
  streams[0]?.end();
  assert.equal(await next(), 'OK');
});

test('messages larger than the windows of the peer arrive whole, in both directions', async (t) => {
  const { port } = await server(t);
  const { stream, next } = open(callerOf(t, http2Cluster('xds', [port])));
  const long = 'x'.repeat(3_000_000);
  stream.send({ resourceNamesSubscribe: [long] });
  stream.send({ resourceNamesSubscribe: ['after'] });
  assert.equal((await next()).length, long.length);
  assert.equal(await next(), 'after');
});

test('a status is told in words, and so is what is no answer of gRPC', async (t) => {
  const { port, streams } = await server(t);
  const first = open(callerOf(t, http2Cluster('xds', [port])));
  first.stream.send({ resourceNamesSubscribe: ['one'] });
  assert.equal(await first.next(), 'one');
  streams[0]?.fail(new GrpcError('PERMISSION_DENIED', 'not you, 50% sure: ä'));
  assert.equal(await first.next(), 'PERMISSION_DENIED: not you, 50% sure: ä');

  const web = await http2Upstream(t, (stream) => {
    stream.respond({ ':status': 503, 'content-type': 'text/html' });
    stream.end('later');
  });
  const second = open(callerOf(t, http2Cluster('web', [web.port])));
  assert.equal(await second.next(), 'UNAVAILABLE: the server answered HTTP 503 text/html');

  const silent = await http2Upstream(t, (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.end();
  });
  const third = open(callerOf(t, http2Cluster('silent', [silent.port])));
  assert.equal(await third.next(), 'UNAVAILABLE: the stream ended without a status');
});

test('who cannot be reached is named, and so is a cluster that is not there', async (t) => {
  const { port, server: gone } = await server(t);
  await gone.close();
  const refused = open(callerOf(t, http2Cluster('xds', [port])));
  assert.match(await refused.next(), new RegExp(`^UNAVAILABLE: 127\\.0\\.0\\.1:${port}: .*refused`, 'i'));
  const { context, ref } = startClusters(t, []);
  const nowhere = new ClusterGrpcCaller(context, { cluster: ref('no'), metadata: () => ({}) });
  assert.equal(await open(nowhere).next(), 'UNAVAILABLE: there is no cluster "no"');
});

test('a message beyond the limit ends the stream, and the server is told', async (t) => {
  const { port, streams } = await server(t);
  const caller = callerOf(t, http2Cluster('xds', [port]), { maxMessageBytes: 100 });
  const { stream, next } = open(caller);
  stream.send({ resourceNamesSubscribe: ['small'] });
  assert.equal(await next(), 'small');
  stream.send({ resourceNamesSubscribe: ['x'.repeat(200)] });
  assert.match(await next(), /^RESOURCE_EXHAUSTED: message of \d+ bytes is larger than the limit of 100$/);
  assert.equal(streams.length, 1);
});

test('a closed caller cancels what is open and opens nothing', async (t) => {
  const { port } = await server(t);
  const caller = callerOf(t, http2Cluster('xds', [port]));
  const { stream, next } = open(caller);
  stream.send({ resourceNamesSubscribe: ['one'] });
  assert.equal(await next(), 'one');
  caller.close();
  assert.equal(await next(), 'CANCELLED: cancelled by the caller');
  assert.equal(await open(caller).next(), 'CANCELLED: cancelled by the caller');
});

test('a unary method gives its answer, its status, or that there was none in time', async (t) => {
  const grpc = createGrpcServer();
  grpc.unary(
    RateLimitService.shouldRateLimit,
    ({ domain }): RateLimitResponse | Promise<RateLimitResponse> => {
      if (domain === 'never') return new Promise(() => {});
      if (domain === 'bad') throw new GrpcError('NOT_FOUND', 'which?');
      return { overallCode: 'OK' };
    },
  );
  const { port } = await grpc.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => grpc.close());
  const caller = callerOf(t, http2Cluster('limits', [port]));
  const ask = (domain: string) =>
    caller.unary(
      RateLimitService.shouldRateLimit,
      { domain },
      { timeoutMs: domain === 'never' ? 50 : 5_000 },
    );
  assert.deepEqual(await ask('good'), { overallCode: 'OK' });
  await assert.rejects(ask('bad'), { code: 'NOT_FOUND', message: 'which?' });
  await assert.rejects(ask('never'), { code: 'DEADLINE_EXCEEDED' });
});

const inline = (text: string) => ({ kind: 'inline' as const, bytes: Buffer.from(text) });

test('a control plane is verified by its name, and asks for a certificate of ours', async (t) => {
  const authority = await createTestAuthority();
  const own = await authority.issue({ dns: ['istiod.example'] });
  const mine = await authority.issue({ dns: ['me.example'] });
  const { port } = await server(t, {
    tls: { cert: own.cert, key: own.key, clientCa: authority.root, requireClientCertificate: true },
  });
  const secure = (sni: string, root: string | undefined, withCertificate = true): Cluster =>
    asControlPlane(
      cluster('xds', [port], {
        transport: {
          kind: 'upstream_tls',
          options: {
            certificates: withCertificate ? [{ chain: inline(mine.cert), privateKey: inline(mine.key) }] : [],
            certificateSecrets: [],
            ...(root === undefined
              ? {}
              : {
                  validation: {
                    trustedCa: inline(root),
                    sanMatches: [],
                    certificateHashes: [],
                    spkiHashes: [],
                    allowExpired: false,
                    acceptUntrusted: false,
                  },
                }),
            alpn: [],
            cipherSuites: [],
            ecdhCurves: [],
          },
          sni,
          autoSni: false,
          autoSanValidation: false,
          maxSessionKeys: 1,
        },
      }),
    );
  const outcome = async (model: Cluster): Promise<string> => {
    const { stream, next } = open(callerOf(t, model));
    stream.send({ resourceNamesSubscribe: ['one'] });
    return next();
  };
  assert.equal(await outcome(secure('istiod.example', authority.root)), 'one');
  assert.match(await outcome(secure('other.example', authority.root)), /^UNAVAILABLE: .*TLS/);
  // Without a server name the certificate must be for the endpoint's address.
  assert.match(await outcome(secure('', authority.root)), /^UNAVAILABLE: .*TLS/);
  // The roots of the system do not know this authority.
  assert.match(await outcome(secure('istiod.example', undefined)), /^UNAVAILABLE: .*TLS/);
  assert.match(await outcome(secure('istiod.example', authority.root, false)), /^UNAVAILABLE: /);
});
