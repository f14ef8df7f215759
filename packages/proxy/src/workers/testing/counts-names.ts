import { workerData } from 'node:worker_threads';
import { SharedCells } from '../shared-cells.ts';

const { buffer, names, rounds } = workerData as { buffer: SharedArrayBuffer; names: number; rounds: number };
const shared = new SharedCells(buffer);
for (let round = 0; round < rounds; round++) {
  for (let i = 0; i < names; i++) {
    const at = shared.acquire(`n${i}`) as number;
    Atomics.add(shared.cells, at, 1);
    // Held once by each thread, so that it lasts.
    if (round > 0) shared.release(at);
  }
}
