import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, createWebSocketStream, type WebSocket } from 'ws';
import type { ResponseSink } from '../http/api-request.ts';

/** Answers a watch on a WebSocket: one event a text message. */
export async function serveWatch(
  raw: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  run: (sink: ResponseSink) => Promise<void>,
): Promise<void> {
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const webSocket = await new Promise<WebSocket>((resolve) =>
    server.handleUpgrade(raw, socket, head, resolve),
  );
  const stream = createWebSocketStream(webSocket, { encoding: 'utf8', decodeStrings: false });
  const gone = new AbortController();
  stream.on('error', () => stream.destroy());
  stream.on('close', () => gone.abort());
  stream.resume();
  await run({
    write: (chunk) => stream.write(chunk.toString().trimEnd()),
    drained: () => new Promise((resolve) => stream.once('drain', resolve)),
    end: () => void stream.end(),
    signal: gone.signal,
  });
}
