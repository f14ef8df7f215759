import type { ServerResponse } from 'node:http';
import type { Clock } from '@lateen/core';
import type { LiveMesh } from '../live-mesh.ts';

const keepAliveMs = 15_000;

/** Sends the mesh's documents as server-sent events until the reader goes. */
export function sendEvents(response: ServerResponse, mesh: LiveMesh, clock: Clock): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  // A reader that does not keep up misses versions, not the last one: each is whole.
  const waiting = new Map<string, string>();
  const send = (name: string, json: string): void => {
    if (response.writableNeedDrain) waiting.set(name, json);
    else response.write(`event: ${name}\ndata: ${json}\n\n`);
  };
  response.on('drain', () => {
    const late = [...waiting];
    waiting.clear();
    for (const [name, json] of late) send(name, json);
  });
  const unsubscribe = mesh.subscribe(send);
  const alive = clock.every(keepAliveMs, () => void response.write(': still here\n\n'));
  response.on('close', () => {
    alive.cancel();
    unsubscribe();
  });
}
