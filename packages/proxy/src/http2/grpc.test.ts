import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { defaultForward, defaultRoute, defaultUpstreamHttp } from '../model/index.ts';
import { cluster, routeTo, serveHttp, upstream, type Closers } from '../testing/harness.ts';
import { http2Cluster } from '../testing/http2-peers.ts';

const plain = {
  requestSerialize: (text: string) => Buffer.from(text),
  requestDeserialize: (bytes: Buffer) => bytes.toString(),
  responseSerialize: (text: string) => Buffer.from(text),
  responseDeserialize: (bytes: Buffer) => bytes.toString(),
};
const method = (name: string, requestStream: boolean, responseStream: boolean) => ({
  path: `/echo.Echo/${name}`,
  requestStream,
  responseStream,
  ...plain,
});
const service = {
  unary: method('Unary', false, false),
  gather: method('Gather', true, false),
  spread: method('Spread', false, true),
  chat: method('Chat', true, true),
};

type Unary = grpc.handleUnaryCall<string, string>;

const implementation: grpc.UntypedServiceImplementation = {
  unary: ((call, done) => {
    if (call.request === 'fail') {
      const trailers = new grpc.Metadata();
      trailers.set('x-reason', 'asked for');
      done({ code: grpc.status.FAILED_PRECONDITION, details: 'no: ü', metadata: trailers });
      return;
    }
    if (call.request === 'never') return;
    call.sendMetadata(call.metadata);
    done(null, `${call.request}!`);
  }) as Unary,
  gather: ((call, done) => {
    const parts: string[] = [];
    call.on('data', (part: string) => parts.push(part));
    call.on('end', () => done(null, parts.join('+')));
  }) as grpc.handleClientStreamingCall<string, string>,
  spread: ((call) => {
    for (let i = 0; i < 100; i++) call.write(`${call.request}${i}`.padEnd(5_000));
    call.end();
  }) as grpc.handleServerStreamingCall<string, string>,
  chat: ((call) => {
    call.on('data', (text: string) => call.write(text.toUpperCase()));
    call.on('end', () => call.end());
  }) as grpc.handleBidiStreamingCall<string, string>,
};

interface EchoClient extends grpc.Client {
  unary(
    text: string,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    done: (error: grpc.ServiceError | null, text: string) => void,
  ): grpc.ClientUnaryCall;
  gather(done: (error: grpc.ServiceError | null, text: string) => void): grpc.ClientWritableStream<string>;
  spread(text: string): grpc.ClientReadableStream<string>;
  chat(): grpc.ClientDuplexStream<string, string>;
}

/** A client of gRPC at a proxy. */
function clientOf(t: Closers, proxyPort: number): EchoClient {
  const Client = grpc.makeGenericClientConstructor(
    { ...service, gone: method('Gone', false, false) },
    'Echo',
  );
  const client = new Client(`127.0.0.1:${proxyPort}`, grpc.credentials.createInsecure());
  t.after(() => client.close());
  return client as unknown as EchoClient;
}

async function connectThroughProxy(t: Closers): Promise<EchoClient> {
  const server = new grpc.Server();
  server.addService(service, implementation);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    ),
  );
  t.after(() => server.forceShutdown());
  const missing = { ...routeTo('nowhere'), match: { ...routeTo('up').match, headers: [] } };
  const { port: proxy } = await serveHttp(
    t,
    [
      {
        ...defaultRoute(defaultForward('empty')),
        match: { ...missing.match, path: { kind: 'exact', value: '/echo.Echo/Gone' } },
      },
      routeTo('up'),
    ],
    [http2Cluster('up', [port]), http2Cluster('empty', [])],
  );
  return clientOf(t, proxy);
}

function call(
  client: EchoClient,
  text: string,
  options: grpc.CallOptions = {},
): Promise<{ text: string; error: grpc.ServiceError | null; metadata: grpc.Metadata | undefined }> {
  return new Promise((resolve) => {
    const metadata = new grpc.Metadata();
    metadata.set('x-tenant', 'blue');
    metadata.set('bytes-bin', Buffer.from([0, 1, 255]));
    let head: grpc.Metadata | undefined;
    const stream = client.unary(text, metadata, options, (error, answer) =>
      resolve({ text: answer, error, metadata: head }),
    );
    stream.on('metadata', (value) => (head = value));
  });
}

test('unary calls pass with their metadata, errors with their code, message and trailers', async (t) => {
  const client = await connectThroughProxy(t);
  for (let i = 0; i < 20; i++) {
    const answer = await call(client, `hello ${i}`);
    assert.equal(answer.text, `hello ${i}!`);
    assert.deepEqual(answer.metadata?.get('x-tenant'), ['blue']);
    assert.deepEqual(answer.metadata?.get('bytes-bin'), [Buffer.from([0, 1, 255])]);
  }
  const { error } = await call(client, 'fail');
  assert.equal(error?.code, grpc.status.FAILED_PRECONDITION);
  assert.equal(error?.details, 'no: ü');
  assert.deepEqual(error?.metadata.get('x-reason'), ['asked for']);
});

test('messages stream in each direction and in both', async (t) => {
  const client = await connectThroughProxy(t);
  const gathered = new Promise<string>((resolve, reject) => {
    const stream = client.gather((error, text) => (error === null ? resolve(text) : reject(error)));
    for (const part of ['a', 'b', 'c']) stream.write(part);
    stream.end();
  });
  assert.equal(await gathered, 'a+b+c');
  let count = 0;
  for await (const part of client.spread('n')) assert.equal(String(part).trim(), `n${count++}`);
  assert.equal(count, 100);
  const chat = client.chat();
  for (const word of ['one', 'two', 'three']) {
    const answer = once(chat, 'data');
    chat.write(word);
    assert.deepEqual(await answer, [word.toUpperCase()]);
  }
  const status = once(chat, 'status');
  chat.end();
  chat.resume();
  assert.equal((await status)[0].code, grpc.status.OK);
});

test('a deadline passes through and ends the call', async (t) => {
  const client = await connectThroughProxy(t);
  const { error } = await call(client, 'never', { deadline: Date.now() + 100 });
  assert.equal(error?.code, grpc.status.DEADLINE_EXCEEDED);
  assert.equal((await call(client, 'still there')).text, 'still there!');
});

test('where there is no endpoint a client is told UNAVAILABLE', async (t) => {
  const client = (await connectThroughProxy(t)) as EchoClient & { gone: EchoClient['unary'] };
  const error = await new Promise<grpc.ServiceError | null>((resolve) =>
    client.gone('x', new grpc.Metadata(), {}, (e) => resolve(e)),
  );
  assert.equal(error?.code, grpc.status.UNAVAILABLE);
  assert.equal(error?.details, 'no healthy upstream');
});

test('an endpoint of HTTP/1 answers a client of gRPC: with a message and trailers, a status alone, or no gRPC at all', async (t) => {
  const { port } = await upstream(t, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const asked = Buffer.concat(chunks).subarray(5).toString();
      if (asked === 'plain') {
        response.writeHead(503).end('busy');
        return;
      }
      if (asked === 'alone') {
        response.writeHead(200, {
          'content-type': 'application/grpc',
          'grpc-status': '5',
          'grpc-message': 'gone',
          'content-length': '0',
        });
        response.end();
        return;
      }
      response.writeHead(200, { 'content-type': 'application/grpc', trailer: 'grpc-status' });
      // The message comes back as it was framed.
      response.write(Buffer.concat(chunks));
      response.addTrailers({ 'grpc-status': asked === 'late' ? '9' : '0' });
      response.end();
    });
  });
  const http = { ...defaultUpstreamHttp, enableTrailers: true };
  const { port: proxy } = await serveHttp(t, [routeTo('up')], [cluster('up', [port], { http })]);
  const client = clientOf(t, proxy);
  const outcome = async (text: string) => {
    const { error, text: answer } = await call(client, text);
    return error === null ? answer : [error.code, error.details];
  };
  assert.equal(await outcome('echo'), 'echo');
  assert.deepEqual(await outcome('alone'), [grpc.status.NOT_FOUND, 'gone']);
  assert.deepEqual(((await outcome('late')) as unknown[])[0], grpc.status.FAILED_PRECONDITION);
  assert.deepEqual(((await outcome('plain')) as unknown[])[0], grpc.status.UNAVAILABLE);
  // The connection to the endpoint is used on.
  assert.equal(await outcome('again'), 'again');
});
