import { Socket } from 'node:net';
import { libc } from './libc.ts';
import type { NamespaceSwitch, PodNamespaces } from './namespaces.ts';

const internet = 2;
const stream = 1;
const closeOnExec = 0x80000;
const nonBlocking = 0x800;

/**
 * Connects to a port on the loopback of a pod.
 *
 * A socket belongs to the network namespace it was made in: it is made there and used from here.
 */
export function connectInside(
  namespaceSwitch: NamespaceSwitch,
  namespaces: PodNamespaces,
  port: number,
): Promise<Socket> {
  const fd = namespaceSwitch.within({ namespaces }, () =>
    libc('socket', internet, stream | closeOnExec | nonBlocking, 0),
  );
  const socket = new Socket({ fd, allowHalfOpen: true });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.connect({ host: '127.0.0.1', port }, () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}
