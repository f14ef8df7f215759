import { createServer } from 'node:net';

/**
 * Where ports are looked for: below those that the kernel gives to whoever asks for none and to connections
 * (ip(7), `ip_local_port_range`), so that a port which is free stays so until it is used.
 */
const first = 10_240;
const count = 20_000;

/** Runs beside each other begin elsewhere. */
let next = Math.floor(Math.random() * count);

/** A port on which nobody listens; another one with each call of a process. */
export async function freePort(address = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < count; tries++) {
    const port = first + next;
    next = (next + 1) % count;
    if (await isFree(port, address)) return port;
  }
  throw new Error(`no port of ${address} from ${first} to ${first + count - 1} is free`);
}

function isFree(port: number, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, address, () => void server.close(() => resolve(true)));
  });
}
