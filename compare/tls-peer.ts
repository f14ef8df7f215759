import { once } from 'node:events';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { sleep } from '@lateen/core';
import type { ClientTls } from './case.ts';
import type { Observation } from './observe.ts';
import { PeerSocket } from './peer-socket.ts';

const sessionMs = 1_000;

/** Connects with TLS; it may have failed. */
export async function connectTls({ resumesAfter, ...options }: ClientTls): Promise<PeerSocket> {
  const halves = { allowHalfOpen: true };
  const all: ConnectionOptions = { rejectUnauthorized: false, ...halves, ...options };
  const session = resumesAfter === undefined ? undefined : await sessionOf(all, resumesAfter);
  const socket = connect(session === undefined ? all : { ...all, session });
  const peer = new PeerSocket(socket);
  await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]).catch(() => {});
  return peer;
}

/** The session of a connection that sends these bytes; undefined where there is none. */
async function sessionOf(options: ConnectionOptions, bytes: string): Promise<Buffer | undefined> {
  const socket = connect(options);
  const peer = new PeerSocket(socket);
  let session: Buffer | undefined;
  socket.on('session', (fresh: Buffer) => (session = fresh));
  socket.write(bytes);
  for (const until = performance.now() + sessionMs; performance.now() < until && peer.end === undefined; ) {
    if (session !== undefined && peer.received.length > 0) break;
    await sleep(10);
  }
  await peer.close();
  return session;
}

/** What a client has agreed on, and whose certificate it was shown. */
export function observeClientTls(
  into: Observation,
  name: string,
  socket: TLSSocket,
  error: string | undefined,
): void {
  const protocol = socket.getProtocol();
  if (error !== undefined) into.set(`${name}.tls.error`, error);
  if (protocol === null || socket.getCipher() === undefined) return;
  into.set(`${name}.tls.version`, protocol);
  into.set(`${name}.tls.cipher`, socket.getCipher().name);
  into.set(`${name}.tls.alpn`, String(socket.alpnProtocol));
  into.set(`${name}.tls.resumed`, String(socket.isSessionReused()));
  into.set(`${name}.tls.peer`, socket.getPeerCertificate()?.subjectaltname ?? '');
}

/** What the proxy has asked an endpoint for, and who it says it is. */
export function observeEndpointTls(into: Observation, name: string, socket: TLSSocket): void {
  into.set(`${name}.tls.server_name`, String((socket as { servername?: unknown }).servername));
  into.set(`${name}.tls.alpn`, String(socket.alpnProtocol));
  into.set(`${name}.tls.peer`, socket.getPeerCertificate()?.subjectaltname ?? '');
}
