import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';

/**
 * The channels of `vN.channel.k8s.io`: the first byte of each message says which stream it belongs
 * to (Kubernetes, `k8s.io/apimachinery/pkg/util/remotecommand`).
 */
export const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** From version 5 on, a client can say that its standard input has ended. */
export const channelProtocols = ['v5.channel.k8s.io', 'v4.channel.k8s.io'] as const;

const maxMessageBytes = 1024 * 1024;

const server = (): WebSocketServer =>
  new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    handleProtocols: (offered) => channelProtocols.find((known) => offered.has(known)) ?? false,
  });

/**
 * Makes a connection a WebSocket of one subprotocol that is chosen already. `ws` refuses names with a slash in
 * them, so it does not get to see it.
 */
export function acceptProtocol(
  raw: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocol: string,
): Promise<WebSocket> {
  delete raw.headers['sec-websocket-protocol'];
  const plain = new WebSocketServer({
    noServer: true,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
  });
  plain.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`));
  return new Promise((resolve) => plain.handleUpgrade(raw, socket, head, resolve));
}

/** The subprotocols that a request offers. */
export function offeredProtocols(raw: IncomingMessage): string[] {
  return (raw.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim());
}

/** Makes a connection a WebSocket; resolves when it is open. */
export function acceptChannels(raw: IncomingMessage, socket: Duplex, head: Buffer): Promise<WebSocket> {
  return new Promise((resolve) => server().handleUpgrade(raw, socket, head, resolve));
}

/** True where the request offers a protocol that {@link acceptChannels} speaks. */
export function offersChannels(raw: IncomingMessage): boolean {
  const offered = offeredProtocols(raw);
  return channelProtocols.some((known) => offered.includes(known));
}

/** Sends bytes on a channel; resolves when they are on their way, at once where the socket has closed. */
export function sendOn(socket: WebSocket, id: number, bytes: Buffer): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve();
  const message = Buffer.allocUnsafe(bytes.length + 1);
  message[0] = id;
  bytes.copy(message, 1);
  return new Promise((resolve) => socket.send(message, () => resolve()));
}

/** Sends all of a stream on a channel, no faster than the client reads. */
export async function sendStream(socket: WebSocket, id: number, source: Readable | undefined): Promise<void> {
  if (source === undefined) return;
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) await sendOn(socket, id, chunk);
  } catch {
    // The stream went away with its process; how that ended is said on the error channel.
  }
}
