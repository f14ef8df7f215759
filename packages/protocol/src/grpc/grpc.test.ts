import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import {
  connect as connectTcp,
  createServer as createTcpServer,
  type AddressInfo,
  type Socket,
} from 'node:net';
import { describe, test } from 'node:test';
import { TestClock } from '@lateen/core';
import {
  AggregatedDiscoveryService,
  type DiscoveryRequest,
  type DiscoveryResponse,
} from '@lateen/protocol/envoy/service/discovery/v3';
import { IstioCertificateService } from '@lateen/protocol/istio/v1/auth';
import { DiscoveryResponse as DiscoveryResponseType } from '@lateen/protocol/envoy/service/discovery/v3';
import { encode } from '../codec/encode.ts';
import {
  createChannel,
  createGrpcServer,
  GrpcError,
  type Channel,
  type ChannelOptions,
  type ClientStream,
  type GrpcServer,
  type Metadata,
  type ServerStream,
} from './index.ts';
import { rejection } from './testing/rejection.ts';

const streamMethod = AggregatedDiscoveryService.streamAggregatedResources;
const unaryMethod = IstioCertificateService.createCertificate;

/** What a stream brought, with promises for the moments that tests wait for. */
class Recorded {
  readonly messages: DiscoveryResponse[] = [];
  readonly end: Promise<{ error: GrpcError | undefined; trailers: Metadata }>;
  readonly handlers;
  #wake: () => void = () => {};

  constructor() {
    let ended: (value: { error: GrpcError | undefined; trailers: Metadata }) => void;
    this.end = new Promise((resolve) => {
      ended = resolve;
    });
    this.handlers = {
      onMessage: (message: DiscoveryResponse) => {
        this.messages.push(message);
        this.#wake();
      },
      onEnd: (error: GrpcError | undefined, trailers: Metadata) => ended({ error, trailers }),
    };
  }

  async count(wanted: number): Promise<void> {
    while (this.messages.length < wanted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** Runs a server and a channel to it for the length of one test. */
async function withServer(
  register: (server: GrpcServer) => void,
  run: (channel: Channel, server: GrpcServer, port: number) => Promise<void>,
  options: Partial<ChannelOptions> = {},
): Promise<void> {
  const server = createGrpcServer({ maxMessageBytes: 1024 * 1024 });
  register(server);
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  const channel = createChannel({ target: { host: '127.0.0.1', port }, ...options });
  try {
    await run(channel, server, port);
  } finally {
    channel.close();
    await server.close();
  }
}

/** Sends each request's type URL back. */
function echo(server: GrpcServer): void {
  server.stream(streamMethod, (stream) => ({
    onMessage: (message: DiscoveryRequest) =>
      void stream.send({ typeUrl: message.typeUrl, nonce: message.responseNonce }),
  }));
}

describe('a unary call', () => {
  test('carries request, metadata and response', async () => {
    await withServer(
      (server) =>
        server.unary(unaryMethod, (request, call) => ({
          certChain: [
            `${request.csr ?? ''}/${request.validityDuration ?? 0}`,
            call.metadata['authorization'] ?? '',
          ],
        })),
      async (channel) => {
        const response = await channel.unary(unaryMethod, { csr: 'x', validityDuration: 86_400 });
        assert.deepEqual(response.certChain, ['x/86400', 'Bearer t']);
      },
      { metadata: () => Promise.resolve({ authorization: 'Bearer t' }) },
    );
  });

  test('fails with the status and message that the handler gave, whatever letters are in it', async () => {
    await withServer(
      (server) =>
        server.unary(unaryMethod, () => {
          throw new GrpcError('PERMISSION_DENIED', 'nö: 100%\nnot allowed');
        }),
      async (channel) => {
        const error = await rejection(channel.unary(unaryMethod, {}));
        assert.equal(error.code, 'PERMISSION_DENIED');
        assert.equal(error.message, 'nö: 100%\nnot allowed');
      },
    );
  });

  test('does not tell the client what a bug in the handler said', async () => {
    await withServer(
      (server) =>
        server.unary(unaryMethod, () => {
          throw new TypeError('secret');
        }),
      async (channel) => {
        const error = await rejection(channel.unary(unaryMethod, {}));
        assert.equal(error.code, 'INTERNAL');
        assert.doesNotMatch(error.message, /secret/);
      },
    );
  });

  test('to an unknown method is UNIMPLEMENTED', async () => {
    await withServer(
      () => {},
      async (channel) => {
        assert.equal((await rejection(channel.unary(unaryMethod, {}))).code, 'UNIMPLEMENTED');
      },
    );
  });

  test('past its deadline fails on both sides', async () => {
    const clock = new TestClock();
    let aborted: Promise<unknown> | undefined;
    const arrived = Promise.withResolvers<void>();
    await withServer(
      (server) =>
        server.unary(unaryMethod, (_request, call) => {
          aborted = once(call.signal, 'abort');
          arrived.resolve();
          return new Promise(() => {});
        }),
      async (channel) => {
        const call = rejection(channel.unary(unaryMethod, {}, { timeoutMs: 50 }));
        await arrived.promise;
        clock.advance(50);
        assert.equal((await call).code, 'DEADLINE_EXCEEDED');
        await aborted;
      },
      { clock },
    );
  });

  test('is cancelled by its signal', async () => {
    await withServer(
      (server) => server.unary(unaryMethod, () => new Promise(() => {})),
      async (channel) => {
        const controller = new AbortController();
        const call = rejection(channel.unary(unaryMethod, {}, { signal: controller.signal }));
        controller.abort();
        assert.equal((await call).code, 'CANCELLED');
      },
    );
  });

  test('fails with UNAUTHENTICATED when the credentials cannot be had', async () => {
    await withServer(
      (server) => server.unary(unaryMethod, () => ({})),
      async (channel) => {
        const error = await rejection(channel.unary(unaryMethod, {}));
        assert.equal(error.code, 'UNAUTHENTICATED');
        assert.match(error.message, /no token file/);
      },
      { metadata: () => Promise.reject(new Error('no token file')) },
    );
  });
});

describe('a stream', () => {
  test('delivers messages both ways, in order, also those sent before the connection stood', async () => {
    await withServer(echo, async (channel) => {
      const got = new Recorded();
      const stream = channel.openStream(streamMethod, got.handlers);
      for (let i = 0; i < 100; i++) stream.send({ typeUrl: `t${i}` });
      await got.count(100);
      stream.send({ typeUrl: 'last' });
      stream.end();
      const { error } = await got.end;
      assert.equal(error, undefined);
      assert.deepEqual(
        got.messages.map((m) => m.typeUrl),
        [...Array.from({ length: 100 }, (_, i) => `t${i}`), 'last'],
      );
    });
  });

  test('takes a message as ready parts', async () => {
    const resource = (bytes: number): Uint8Array =>
      encode(DiscoveryResponseType, { resources: [{ typeUrl: 't', value: new Uint8Array(bytes).fill(7) }] });
    const parts = [10, 5000, 70_000, 3].map(resource);
    await withServer(
      (server) =>
        server.stream(streamMethod, (stream) => ({
          onMessage: () => void stream.sendEncoded([...parts, encode(DiscoveryResponseType, { nonce: 'n' })]),
        })),
      async (channel) => {
        const got = new Recorded();
        const stream = channel.openStream(streamMethod, got.handlers);
        stream.send({});
        await got.count(1);
        const [message] = got.messages;
        assert.equal(message?.nonce, 'n');
        assert.deepEqual(
          message?.resources?.map((r) => r.value.length),
          [10, 5000, 70_000, 3],
        );
        stream.cancel();
        assert.equal((await got.end).error?.code, 'CANCELLED');
      },
    );
  });

  test('ends with the status and trailers of the server, and tells the server that it is over', async () => {
    const closed = Promise.withResolvers<void>();
    await withServer(
      (server) =>
        server.stream(streamMethod, (stream) => ({
          onMessage() {
            stream.send({ nonce: '1' });
            stream.fail(new GrpcError('UNAUTHENTICATED', 'token expired'));
            stream.send({ nonce: 'never sent' });
          },
          onClose: closed.resolve,
        })),
      async (channel) => {
        const got = new Recorded();
        channel.openStream(streamMethod, got.handlers).send({});
        const { error } = await got.end;
        assert.equal(error?.code, 'UNAUTHENTICATED');
        assert.equal(error?.message, 'token expired');
        assert.deepEqual(got.messages, [{ nonce: '1' }]);
        await closed.promise;
      },
    );
  });

  test('may be refused before its first message', async () => {
    await withServer(
      (server) =>
        server.stream(streamMethod, () => {
          throw new GrpcError('RESOURCE_EXHAUSTED', 'too many');
        }),
      async (channel) => {
        const got = new Recorded();
        const stream = channel.openStream(streamMethod, got.handlers);
        stream.send({});
        assert.equal((await got.end).error?.code, 'RESOURCE_EXHAUSTED');
      },
    );
  });

  test('holds the sender back while the receiver does not read', async () => {
    const value = new Uint8Array(256 * 1024);
    const stuck = Promise.withResolvers<number>();
    const fill = async (stream: ServerStream<DiscoveryResponse>): Promise<void> => {
      for (let sent = 0; sent < 64; sent++) {
        if (stream.send({ resources: [{ typeUrl: 't', value }] })) continue;
        const drained = stream.drained();
        if (await settlesSoon(drained)) continue;
        stuck.resolve(sent);
        await drained;
      }
      stream.end({ 'x-after': 'drained' });
    };
    await withServer(
      (server) =>
        server.stream(streamMethod, (stream) => ({
          onMessage: () => void fill(stream),
        })),
      async (channel) => {
        const got = new Recorded();
        const stream = channel.openStream(streamMethod, got.handlers);
        stream.pause();
        stream.send({});
        // The stream's window is 1 MiB.
        assert.ok((await stuck.promise) <= 8);
        assert.equal(got.messages.length, 0);
        stream.resume();
        assert.equal((await got.end).trailers['x-after'], 'drained');
        assert.equal(got.messages.length, 64);
      },
    );
  });

  test('with a message over the limit fails with RESOURCE_EXHAUSTED, before the message is there', async () => {
    await withServer(echo, async (channel) => {
      const got = new Recorded();
      const stream = channel.openStream(streamMethod, got.handlers);
      stream.send({ typeUrl: 'x'.repeat(2 * 1024 * 1024) });
      assert.equal((await got.end).error?.code, 'RESOURCE_EXHAUSTED');
    });
  });

  test('whose handler throws ends with INTERNAL and what was thrown', async () => {
    await withServer(echo, async (channel) => {
      const got = new Recorded();
      const bug = new TypeError('a bug');
      const stream = channel.openStream(streamMethod, {
        ...got.handlers,
        onMessage() {
          throw bug;
        },
      });
      stream.send({});
      const { error } = await got.end;
      assert.equal(error?.code, 'INTERNAL');
      assert.equal(error?.cause, bug);
    });
  });

  test('with malformed bytes fails with INTERNAL and the field', async () => {
    await withServer(echo, async (channel) => {
      const got = new Recorded();
      const stream = channel.openStream(streamMethod, got.handlers);
      // version_info (1) as a varint instead of text
      stream.sendEncoded([Uint8Array.of(0x08, 0x01)]);
      const { error } = await got.end;
      assert.equal(error?.code, 'INTERNAL');
      assert.match(error?.message ?? '', /versionInfo/);
    });
  });
});

describe('a connection', () => {
  test('that is refused makes every call UNAVAILABLE and names the address', async () => {
    const closed = createTcpServer();
    await new Promise<void>((resolve) => void closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => void closed.close(resolve));
    const channel = createChannel({ target: { host: '127.0.0.1', port } });
    const error = await rejection(channel.unary(unaryMethod, {}));
    assert.equal(error.code, 'UNAVAILABLE');
    assert.match(error.message, new RegExp(`127.0.0.1:${port}.*ECONNREFUSED`));
    channel.close();
  });

  test('is made anew for the next call after it broke', async () => {
    const sockets = new Set<Socket>();
    await withServer(echo, async (_channel, _server, port) => {
      const relay = createTcpServer((downstream) => {
        const upstream = connectTcp(port, '127.0.0.1');
        sockets.add(downstream);
        downstream.pipe(upstream).pipe(downstream);
        for (const socket of [downstream, upstream]) {
          socket.on('error', () => {});
          socket.on('close', () => (downstream.destroy(), upstream.destroy()));
        }
      });
      await new Promise<void>((resolve) => void relay.listen(0, '127.0.0.1', resolve));
      const channel = createChannel({
        target: { host: '127.0.0.1', port: (relay.address() as AddressInfo).port },
      });
      const first = new Recorded();
      channel.openStream(streamMethod, first.handlers).send({ typeUrl: 'a' });
      await first.count(1);
      for (const socket of sockets) socket.destroy();
      assert.equal((await first.end).error?.code, 'UNAVAILABLE');
      const second = new Recorded();
      const stream = channel.openStream(streamMethod, second.handlers);
      stream.send({ typeUrl: 'b' });
      await second.count(1);
      stream.end();
      await second.end;
      channel.close();
      relay.close();
    });
  });

  test('whose peer stops answering is given up after the ping limit', async () => {
    const clock = new TestClock();
    const silent = createTcpServer((socket) => socket.resume().on('error', () => {}));
    await new Promise<void>((resolve) => void silent.listen(0, '127.0.0.1', resolve));
    const connected = once(silent, 'connection');
    const channel = createChannel({
      target: { host: '127.0.0.1', port: (silent.address() as AddressInfo).port },
      clock,
      keepaliveMs: 1000,
      keepaliveTimeoutMs: 100,
    });
    const call = rejection(channel.unary(unaryMethod, {}));
    await connected;
    await until(() => channel.connected);
    clock.advance(1000);
    clock.advance(100);
    assert.equal((await call).code, 'UNAVAILABLE');
    channel.close();
    silent.close();
  });

  test('that a server closes gracefully lets the open call end', async () => {
    const answer = Promise.withResolvers<void>();
    const arrived = Promise.withResolvers<void>();
    const server = createGrpcServer();
    server.unary(unaryMethod, async () => {
      arrived.resolve();
      await answer.promise;
      return { certChain: ['done'] };
    });
    const { port } = await server.listen({ host: '127.0.0.1' });
    const channel = createChannel({ target: { host: '127.0.0.1', port } });
    const call = channel.unary(unaryMethod, {});
    await arrived.promise;
    const closed = server.close(10_000);
    answer.resolve();
    assert.deepEqual((await call).certChain, ['done']);
    await closed;
    assert.equal((await rejection(channel.unary(unaryMethod, {}))).code, 'UNAVAILABLE');
    channel.close();
  });

  test('that is cut at shutdown tells its streams UNAVAILABLE', async () => {
    const server = createGrpcServer();
    echo(server);
    const { port } = await server.listen({ host: '127.0.0.1' });
    const channel = createChannel({ target: { host: '127.0.0.1', port } });
    const got = new Recorded();
    const stream: ClientStream<DiscoveryRequest> = channel.openStream(streamMethod, got.handlers);
    stream.send({ typeUrl: 'a' });
    await got.count(1);
    await server.close();
    assert.equal((await got.end).error?.code, 'UNAVAILABLE');
    channel.close();
  });

  test('is told to go away after its age, and the call on it goes on', async () => {
    const clock = new TestClock();
    const server = createGrpcServer({ clock, maxConnectionAgeMs: 1000 });
    echo(server);
    const { port } = await server.listen({ host: '127.0.0.1' });
    const channel = createChannel({ target: { host: '127.0.0.1', port } });
    const got = new Recorded();
    const stream = channel.openStream(streamMethod, got.handlers);
    stream.send({ typeUrl: 'a' });
    await got.count(1);
    clock.advance(1100);
    const next = new Recorded();
    await until(() => !channel.connected);
    channel.openStream(streamMethod, next.handlers).send({ typeUrl: 'c' });
    await next.count(1);
    assert.equal(server.connections, 2);
    stream.send({ typeUrl: 'b' });
    await got.count(2);
    channel.close();
    await server.close();
  });

  test('that sends garbage is dropped, and others are served on', async () => {
    await withServer(echo, async (channel, _server, port) => {
      const socket = connectTcp(port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(Buffer.alloc(4096, 'GET / HTTP/1.1\r\n'));
      await once(socket.resume(), 'close');
      const got = new Recorded();
      channel.openStream(streamMethod, got.handlers).send({ typeUrl: 'a' });
      await got.count(1);
    });
  });

  test('with plain HTTP requests gets 415', async () => {
    await withServer(echo, async (_channel, _server, port) => {
      const session = connectHttp2(`http://127.0.0.1:${port}`);
      const request = session.request({ ':path': '/', ':method': 'GET' });
      const [headers] = (await once(request, 'response')) as [Record<string, unknown>];
      assert.equal(headers[':status'], 415);
      session.destroy();
    });
  });
});

/** Waits, turn by turn, for something that has no event. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

/** True where the promise settles within a few hundred turns of the event loop. */
async function settlesSoon(promise: Promise<void>): Promise<boolean> {
  let turns = 0;
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await until(() => settled || turns++ === 300);
  return settled;
}
