import process from 'node:process';
import { DescriptorListener } from './descriptor-listener.ts';
import { DescriptorSocket, SocketCalls } from './descriptor-socket.ts';
import { NodeSocket } from './node-socket.ts';
import type { HandleName, SocketHandle } from './socket-handle.ts';
import { SocketPoll, type Waker } from './socket-poll.ts';
import { loadSystemCalls } from './system-calls.ts';

let shared: SocketCalls | undefined;
let opening: Promise<void> | undefined;

/**
 * Lets this thread ask the kernel for its TCP sockets itself, where the system can; those that are made before it is ready
 * stay with libuv.
 */
export function openSocketPoll(): Promise<void> {
  return (opening ??= openOnLinux());
}

async function openOnLinux(): Promise<void> {
  const calls = process.platform === 'linux' ? loadSystemCalls() : undefined;
  if (calls === undefined) return;
  const poll = await SocketPoll.open(calls, createWaker);
  if (poll !== undefined) shared = new SocketCalls(poll);
}

/** A stream of which libuv tells `onWake` that it found nothing. */
export function createWaker(fd: number, onWake: () => void): Waker {
  const stream = NodeSocket.pipe();
  stream.open(fd);
  const closed = (): void => {};
  // eventfd(2) refuses to be read into less.
  stream.own(
    { onHandleRead: onWake, onHandleWritten: closed, onHandleShutdown: closed, onHandleClosed: closed },
    Buffer.alloc(8),
  );
  stream.startReading();
  stream.keepAlive(false);
  return { keep: (alive) => stream.keepAlive(alive), close: () => stream.close(false) };
}

/** A socket for an outgoing TCP connection, or for one that another thread has accepted. */
export function createTcpSocket(): SocketHandle {
  return shared === undefined ? NodeSocket.tcp() : new DescriptorSocket(shared);
}

/** A socket for a connection to a Unix domain socket. */
export function createPipeSocket(): SocketHandle {
  return NodeSocket.pipe();
}

/** A TCP socket at an IP address; its descriptor, an error of libuv, or undefined where a server of `node:net` has to. */
export function bindTcp(place: HandleName): number | undefined {
  return shared?.bindToListen(place);
}

/** Accepts connections of a bound TCP socket; undefined where a server of `node:net` has to. */
export function createListener(
  fd: number,
  onConnection: (socket: SocketHandle) => void,
  onError: (error: Error) => void,
): DescriptorListener | undefined {
  return shared === undefined ? undefined : new DescriptorListener(shared, fd, onConnection, onError);
}
