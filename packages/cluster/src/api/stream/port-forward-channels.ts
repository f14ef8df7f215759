import type { Duplex } from 'node:stream';
import { messageOf } from '@lateen/core';
import type { WebSocket } from 'ws';
import { sendOn, sendStream } from './channel-socket.ts';
import type { Dial } from './port-forward-tunnel.ts';

/** The older subprotocol, which browsers and libraries speak: two channels a port, bytes on one and errors on the other. */
export const channelsProtocol = 'portforward.k8s.io';

/** Serves the ports of a query on an open WebSocket until it closes. */
export async function serveChannels(socket: WebSocket, ports: readonly number[], dial: Dial): Promise<void> {
  const targets: (Duplex | undefined)[] = [];
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      for (const target of targets) target?.destroy();
      resolve();
    });
  });
  socket.on('error', () => socket.terminate());
  socket.on('message', (message: Buffer) => {
    const channel = message[0] ?? 0;
    const target = targets[channel / 2];
    if (target?.write(message.subarray(1)) !== false) return;
    socket.pause();
    target.once('drain', () => socket.resume());
    target.once('close', () => socket.resume());
  });
  for (const [index, port] of ports.entries()) {
    // Each channel begins with the number of its port, low byte first.
    const head = Buffer.alloc(2);
    head.writeUInt16LE(port);
    await sendOn(socket, index * 2, head);
    await sendOn(socket, index * 2 + 1, head);
    try {
      const target = await dial(port);
      target.on('error', () => target.destroy());
      targets[index] = target;
      void sendStream(socket, index * 2, target);
    } catch (error) {
      await sendOn(socket, index * 2 + 1, Buffer.from(messageOf(error)));
    }
  }
  await closed;
}
