import { chmodSync, unlinkSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { codeOf, LateenError, type Logger } from '@lateen/core';
import type { StatsSnapshot } from '../telemetry/stats-snapshot.ts';
import {
  hotRestartVersion,
  lineReader,
  type Hello,
  type Reply,
  type Request,
  type Welcome,
} from './messages.ts';
import { maxFdsPerMessage, NativeSockets } from './native-socket.ts';

export interface SuccessorDoorOptions {
  /** As of `socketPath`. */
  readonly path: string;
  /** Of a path in the file system. */
  readonly mode: number;
  readonly epoch: number;
  readonly generation: number;
  readonly log: Logger;
  /** False while this process starts: nothing is handed over yet. */
  serves(): boolean;
  /** Descriptors of what this process listens at, by address. */
  sockets(): ReadonlyMap<string, number>;
  stats(): Promise<StatsSnapshot>;
  connections(): number;
  /** The successor opens its admin port. */
  releaseAdmin(): Promise<void>;
  /** It could not start after all. */
  takeAdminBack(): void;
  /** It serves: this process drains, and ends after the time. */
  drain(endAfterMs: number): void;
}

/** Where the process that is to follow this one asks for its sockets. */
export interface SuccessorDoor {
  /** Tells the successor, if there is one, that this process ends, with its last statistics. */
  leave(): Promise<void>;
  close(): void;
}

/** How long a successor may take to read the last words. */
const longestFarewellMs = 2_000;

/** Opens the door; rejects with `EADDRINUSE` where another process has it. */
export async function openSuccessorDoor(options: SuccessorDoorOptions): Promise<SuccessorDoor> {
  const { path, log } = options;
  const sockets = new Set<Socket>();
  let successor: Socket | undefined;
  let native: NativeSockets | undefined;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    native ??= NativeSockets.load();
    const fd = fdOf(socket);
    const uid = native.peerUid(fd);
    if (uid !== process.getuid?.() && uid !== 0) {
      log.warn('a process of another user wanted to take over', { uid });
      socket.destroy();
      return;
    }
    let hasAdmin = false;
    let drains = false;
    const handOver = native;
    const onLine = (line: string): void => {
      if (successor === socket)
        void answer(socket, JSON.parse(line) as Request).catch(() => socket.destroy());
      else greet(socket, fd, JSON.parse(line) as Hello, handOver);
    };
    const answer = async (to: Socket, request: Request): Promise<void> => {
      const { id } = request;
      if (request.ask === 'stats') {
        say(to, { id, stats: await options.stats(), connections: options.connections() });
        return;
      }
      if (request.ask === 'release_admin') {
        hasAdmin = true;
        await options.releaseAdmin();
      } else {
        drains = true;
        options.drain(request.endAfterMs);
      }
      say(to, { id });
    };
    const read = lineReader(onLine);
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      try {
        read(chunk);
      } catch {
        socket.destroy();
      }
    });
    socket.on('close', () => {
      if (successor !== socket) return;
      successor = undefined;
      if (drains) return;
      log.warn('the process that was to take over has gone; this one goes on');
      if (hasAdmin) options.takeAdminBack();
    });
  });

  function greet(socket: Socket, fd: number, hello: Hello, handOver: NativeSockets): void {
    const refused = refusalOf(hello, options, successor !== undefined);
    if (refused !== undefined) {
      log.warn('a process may not take over', { reason: refused });
      socket.end(`${JSON.stringify({ refused } satisfies Welcome)}\n`);
      return;
    }
    successor = socket;
    log.info('a process takes over', { epoch: hello.epoch });
    const all = [...options.sockets()];
    do {
      const part = all.splice(0, maxFdsPerMessage);
      const welcome: Welcome = {
        addresses: part.map(([address]) => address),
        more: all.length > 0,
        generation: options.generation,
      };
      const bytes = Buffer.from(`${JSON.stringify(welcome)}\n`);
      if (
        !handOver.send(
          fd,
          bytes,
          part.map(([, one]) => one),
        )
      ) {
        socket.destroy();
        return;
      }
    } while (all.length > 0);
  }

  await listen(server, path, options.mode);
  // What else the process does keeps it running.
  server.unref();
  return {
    async leave() {
      const to = successor;
      if (to === undefined) return;
      const ended: Reply = { ended: await options.stats() };
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, longestFarewellMs);
        to.end(`${JSON.stringify(ended)}\n`, () => {
          clearTimeout(timer);
          resolve();
        });
      });
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

function say(to: Socket, reply: Reply): void {
  to.write(`${JSON.stringify(reply)}\n`);
}

/** Why a process may not take over; undefined where it may. */
function refusalOf(
  hello: Hello,
  { epoch, serves }: Pick<SuccessorDoorOptions, 'epoch' | 'serves'>,
  taken: boolean,
): string | undefined {
  if (hello.version !== hotRestartVersion) {
    return `hot restart versions differ: ${hello.version} and ${hotRestartVersion}`;
  }
  if (hello.epoch !== epoch + 1) return `epoch ${hello.epoch} does not follow epoch ${epoch}`;
  if (!serves()) return `the process of epoch ${epoch} is still starting`;
  return taken ? `another process takes over from epoch ${epoch}` : undefined;
}

function fdOf(socket: Socket): number {
  return (socket as unknown as { readonly _handle: { readonly fd: number } })._handle.fd;
}

async function listen(server: Server, path: string, mode: number): Promise<void> {
  // A file that a process left behind when it was killed; who still listens there is found by connecting first.
  if (!path.startsWith('\0') && !(await answers(path))) removeIfThere(path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
  if (!path.startsWith('\0')) chmodSync(path, mode);
}

async function answers(path: string): Promise<boolean> {
  const { connect } = await import('node:net');
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') {
      throw new LateenError('EHOTRESTART', `the socket ${path} cannot be replaced`, { cause: error });
    }
  }
}
