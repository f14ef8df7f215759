import { once } from 'node:events';
import {
  connect,
  createServer,
  type ClientHttp2Session,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  type SessionOptions,
  type Http2Server,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { defaultUpstreamHttp, type Cluster } from '../model/index.ts';
import { cluster, type Closers } from './harness.ts';

/** A cluster whose endpoints are spoken to in HTTP/2. */
export function http2Cluster(name: string, ports: readonly number[], more: Partial<Cluster> = {}): Cluster {
  return cluster(name, ports, { http: { ...defaultUpstreamHttp, protocol: 'http2' }, ...more });
}

/** A server of node:http2 without TLS. */
export async function http2Upstream(
  test: Closers,
  onStream: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void,
  settings: SessionOptions['settings'] = {},
): Promise<{ port: number; server: Http2Server; sessions: () => number }> {
  const server = createServer({ settings });
  let sessions = 0;
  server.on('session', () => sessions++);
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {});
    onStream(stream, headers);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => {
    server.close();
    for (const session of open) session.destroy();
  });
  const open = new Set<{ destroy(): void }>();
  server.on('session', (session) => {
    open.add(session);
    session.on('error', () => {});
    session.on('close', () => open.delete(session));
  });
  return { port: (server.address() as AddressInfo).port, server, sessions: () => sessions };
}

/** A connection of node:http2 without TLS. */
export async function http2Client(
  test: Closers,
  port: number,
  settings: SessionOptions['settings'] = {},
): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`, { settings });
  session.on('error', () => {});
  test.after(() => session.destroy());
  await once(session, 'connect');
  return session;
}

export interface Http2Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly trailers: IncomingHttpHeaders | undefined;
  readonly body: string;
}

/** Sends a request and reads the whole answer; fails where the stream is reset. */
export async function askHttp2(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Http2Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  let answer: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders | undefined;
  const chunks: Buffer[] = [];
  stream.on('response', (h) => (answer = h));
  stream.on('trailers', (h) => (trailers = h));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject);
    stream.on('close', () =>
      stream.rstCode === 0 ? resolve() : reject(new Error(`stream reset with code ${stream.rstCode}`)),
    );
  });
  return {
    status: Number(answer[':status'] ?? 0),
    headers: answer,
    trailers,
    body: Buffer.concat(chunks).toString('latin1'),
  };
}
