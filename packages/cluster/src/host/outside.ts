import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { isIP, Socket } from 'node:net';
import { codeOf, type Clock } from '@lateen/core';
import type { ClusterMessage, HostMessage } from './messages.ts';

type Ask<Type extends ClusterMessage['type']> = Extract<ClusterMessage, { readonly type: Type }>;

const connectTimeoutMs = 10_000;

/** How long one name server is waited for. */
const resolveTimeoutMs = 2_000;

/** Connects, on the host, to where a pod wants to go, and hands the connection over. */
export function connectFor(
  { id, address, port }: Ask<'connect'>,
  answer: (message: HostMessage, socket?: Socket) => void,
): void {
  const socket = new Socket({ allowHalfOpen: true });
  // What the other side says first is for the pod to read.
  socket.pause();
  const fail = (reason: string): void => {
    socket.destroy();
    answer({ type: 'connect-failed', id, reason });
  };
  socket.setTimeout(connectTimeoutMs, () => fail('ETIMEDOUT'));
  socket.once('error', (error) => fail(codeOf(error) ?? 'EIO'));
  socket.connect({ host: address, port }, () => {
    socket.setTimeout(0);
    socket.removeAllListeners('error').on('error', () => {});
    answer({ type: 'connected', id }, socket);
  });
}

/** The name servers in the text of a resolv.conf. */
export function nameServers(resolvConf: string): string[] {
  return resolvConf
    .split('\n')
    .map((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? '')
    .filter((address) => isIP(address) !== 0);
}

function askServer(server: string, query: Buffer, clock: Clock): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket(isIP(server) === 6 ? 'udp6' : 'udp4');
    const finish = (answer?: Buffer): void => {
      timer.cancel();
      socket.close();
      resolve(answer);
    };
    const timer = clock.after(resolveTimeoutMs, finish);
    socket.once('error', () => finish());
    // The first two bytes are the question's number; anything else is somebody else's answer.
    socket.on('message', (message) => {
      if (message.subarray(0, 2).equals(query.subarray(0, 2))) finish(message);
    });
    socket.connect(53, server, () => socket.send(query));
  });
}

/** Asks the host's name servers for a pod. */
export async function resolveFor({ id, message }: Ask<'resolve'>, clock: Clock): Promise<HostMessage> {
  let servers: string[] = [];
  try {
    servers = nameServers(readFileSync('/etc/resolv.conf', 'utf8'));
  } catch {
    // A host without one knows no names.
  }
  const query = Buffer.from(message, 'base64');
  for (const server of servers.slice(0, 3)) {
    const answer = await askServer(server, query, clock);
    if (answer !== undefined) return { type: 'resolved', id, message: answer.toString('base64') };
  }
  return { type: 'resolved', id };
}
