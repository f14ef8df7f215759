import type { ServerResponse } from 'node:http';
import type { Clock } from '@lateen/core';
import type { LiveMesh } from '../live-mesh.ts';

const keepAliveMs = 15_000;

/** Sends the mesh's documents as server-sent events until the reader goes. */
export function sendEvents(response: ServerResponse, mesh: LiveMesh, clock: Clock): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  const unsubscribe = mesh.subscribe((name, json) => {
    // A reader that does not keep up misses versions, not memory: the next one is whole.
    if (response.writableNeedDrain) return;
    response.write(`event: ${name}\ndata: ${json}\n\n`);
  });
  const alive = clock.every(keepAliveMs, () => void response.write(': still here\n\n'));
  response.on('close', () => {
    alive.cancel();
    unsubscribe();
  });
}
