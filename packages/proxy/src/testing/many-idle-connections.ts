import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createDataPlane } from '../create-data-plane.ts';
import { defaultRoute } from '../model/index.ts';
import { httpListener, portOf, routeTable } from './harness.ts';

/**
 * A program: a proxy that holds as many idle connections as its argument says, each after one request, lets them go,
 * and prints what that took. Its own program, so that it can have enough descriptors.
 */
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const wanted = Number(process.argv[2]);
const clients = fileURLToPath(new URL('many-clients.ts', import.meta.url));

const dataPlane = createDataPlane();
const { refused } = await dataPlane.update({
  listeners: {
    set: [httpListener(routeTable([defaultRoute({ kind: 'direct_response', status: 200 })]))],
  },
});
if (refused.length > 0) throw new Error(JSON.stringify(refused));
const port = portOf(dataPlane);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface Figures {
  readonly active: number;
  readonly descriptors: number;
  readonly heapBytes: number;
}

function figures(): Figures {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return {
    active: dataPlane.activeConnections,
    descriptors: readdirSync('/proc/self/fd').length,
    heapBytes: heapUsed + arrayBuffers,
  };
}

/** What the proxy takes while so many connections are there. */
async function hold(count: number): Promise<Figures> {
  const child = spawn(process.execPath, [clients, String(port), String(count)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  const during = figures();
  child.kill('SIGKILL');
  await once(child, 'close');
  while (dataPlane.activeConnections > 0) await turn();
  return during;
}

// What is made once is no leak.
await hold(200);
const before = figures();
const during = await hold(wanted);
process.stdout.write(JSON.stringify({ before, during, after: figures() }));
await dataPlane.close();
