import { Socket } from 'node:net';
import { LateenError } from '@lateen/core';
import type { StatsSnapshot } from '../telemetry/stats-snapshot.ts';
import {
  hotRestartVersion,
  lineReader,
  type Hello,
  type Reply,
  type Request,
  type Welcome,
} from './messages.ts';
import { NativeSockets } from './native-socket.ts';

/** The process that this one takes over from. */
export interface Predecessor {
  /** How many processes have followed one another, this one included. */
  readonly generation: number;
  /** The descriptor of a listening socket, once; it is the caller's. */
  takeSocket(address: string): number | undefined;
  /** Closes the descriptors that nobody took. */
  closeUntaken(): void;
  releaseAdmin(): Promise<void>;
  drain(endAfterMs: number): Promise<void>;
  /** Its statistics and connections; the last that were heard where it has ended. */
  stats(): Promise<{ readonly stats: StatsSnapshot; readonly connections: number; readonly alive: boolean }>;
  close(): void;
}

/** How long the other process may take to answer. */
const patienceMs = 2_000;
const noStats: StatsSnapshot = { groups: [], metrics: [] };

/** Greets the process of the epoch before, and takes its listening sockets. Throws `EHOTRESTART` with the reason where that cannot be. */
export async function greetPredecessor(path: string, epoch: number, baseId: number): Promise<Predecessor> {
  const native = NativeSockets.load();
  const connected = native.connect(path);
  if ('errno' in connected) {
    throw new LateenError(
      'EHOTRESTART',
      `there is no process of base id ${baseId} and restart epoch ${epoch - 1} to take over from`,
      { hint: 'start the first process with --restart-epoch 0 and the same --base-id (and --socket-path)' },
    );
  }
  const { fd } = connected;
  const taken = new Map<string, number>();
  let generation = 0;
  try {
    const uid = native.peerUid(fd);
    if (uid !== process.getuid?.() && uid !== 0) {
      throw new LateenError('EHOTRESTART', `base id ${baseId} is in use by a process of user ${uid}`);
    }
    const hello: Hello = { version: hotRestartVersion, epoch };
    if (!native.send(fd, Buffer.from(`${JSON.stringify(hello)}\n`), [])) {
      throw new LateenError('EHOTRESTART', 'the process to take over from has gone');
    }
    generation = (await receiveSockets(native, fd, taken)) + 1;
  } catch (error) {
    for (const one of taken.values()) native.close(one);
    native.close(fd);
    throw error;
  }
  return converse(new Socket({ fd, readable: true, writable: true }), native, taken, generation);
}

/** Reads greetings up to the last one; the generation of the other process. */
async function receiveSockets(
  native: NativeSockets,
  fd: number,
  taken: Map<string, number>,
): Promise<number> {
  const buffer = Buffer.alloc(64 * 1024);
  let text = '';
  let fds: number[] = [];
  for (;;) {
    const received = await native.receive(fd, buffer);
    fds.push(...received.fds);
    if (received.length === 0) throw new LateenError('EHOTRESTART', 'the process to take over from has gone');
    text += buffer.toString('utf8', 0, received.length);
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const welcome = JSON.parse(text.slice(0, end)) as Welcome;
      text = text.slice(end + 1);
      if ('refused' in welcome)
        throw new LateenError('EHOTRESTART', `nothing is handed over: ${welcome.refused}`);
      welcome.addresses.forEach((address, i) => taken.set(address, fds[i] as number));
      fds = fds.slice(welcome.addresses.length);
      if (!welcome.more) return welcome.generation;
    }
  }
}

function converse(
  socket: Socket,
  native: NativeSockets,
  taken: Map<string, number>,
  generation: number,
): Predecessor {
  const waiting = new Map<number, (reply: Extract<Reply, { readonly id: number }>) => void>();
  let nextId = 1;
  let alive = true;
  let last = noStats;
  socket.setEncoding('utf8').on(
    'data',
    lineReader((line) => {
      const reply = JSON.parse(line) as Reply;
      if ('ended' in reply) {
        last = reply.ended;
        alive = false;
      } else {
        waiting.get(reply.id)?.(reply);
        waiting.delete(reply.id);
      }
    }),
  );
  socket.on('error', () => {});
  socket.on('close', () => {
    alive = false;
    for (const [id, tell] of waiting) tell({ id });
    waiting.clear();
  });
  // Its end does not keep this process from ending.
  socket.unref();

  function ask(
    request: Omit<Extract<Request, { ask: 'drain' }>, 'id'> | { readonly ask: 'stats' | 'release_admin' },
  ) {
    const id = nextId++;
    return new Promise<Extract<Reply, { readonly id: number }>>((resolve) => {
      if (!alive) {
        resolve({ id });
        return;
      }
      const timer = setTimeout(() => resolve({ id }), patienceMs);
      waiting.set(id, (reply) => {
        clearTimeout(timer);
        resolve(reply);
      });
      socket.write(`${JSON.stringify({ ...request, id })}\n`);
    });
  }

  return {
    generation,
    takeSocket(address) {
      const fd = taken.get(address);
      taken.delete(address);
      return fd;
    },
    closeUntaken() {
      for (const fd of taken.values()) native.close(fd);
      taken.clear();
    },
    async releaseAdmin() {
      await ask({ ask: 'release_admin' });
    },
    async drain(endAfterMs) {
      await ask({ ask: 'drain', endAfterMs });
    },
    async stats() {
      const { stats, connections = 0 } = await ask({ ask: 'stats' });
      if (stats !== undefined) last = stats;
      return { stats: last, connections: alive ? connections : 0, alive };
    },
    close: () => void socket.destroy(),
  };
}
