import { fileURLToPath } from 'node:url';
import { sleep } from '@lateen/core';
import type { BenchCase, BenchContext, Contender, Figure, PreparedCase } from '../case.ts';
import { holdConnections } from '../idle-load/run.ts';
import { startLineups, type RunningLineup } from '../lineup.ts';
import { haproxy, lateen, nginx } from '../peer.ts';
import { startUpstream } from '../upstream.ts';
import { checkOneHop, oneHopHeaders, oneHopPath } from './http1-one-hop.ts';

const connections = 10_000;
const restMs = 2_000;
/** Time in which a proxy gives back what connections have left: ours looks every five seconds. */
const returnMs = 11_000;
const longestCloseMs = 20_000;

const figures: readonly Figure[] = [
  { key: 'bytesEach', title: 'bytes each', digits: 0, ratio: 'our bytes' },
  { key: 'beforeMb', title: 'before MB', digits: 1 },
  { key: 'heldMb', title: 'held MB', digits: 1 },
  { key: 'afterMb', title: 'after MB', digits: 1 },
  { key: 'descriptorsLeft', title: 'descriptors left', digits: 0 },
  { key: 'cpuUsEach', title: 'CPU us each', digits: 0, ratio: 'our CPU' },
];

/** What connections cost on which nothing happens after a first request. */
export const idleConnections: BenchCase = {
  name: 'idle-connections',
  summary: `${connections.toLocaleString('en')} connections that have each carried one request and stay`,
  figures,
  warmsUp: false,
  prepare,
};

const config = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

async function prepare(context: BenchContext): Promise<PreparedCase> {
  const upstream = await startUpstream(context.workDir);
  try {
    const { running, missing } = await startLineups(
      [
        { peer: lateen, configs: [config('http1-one-hop/bootstrap.yaml')] },
        { peer: haproxy, configs: [config('idle-connections/haproxy.cfg')] },
        { peer: nginx, configs: [config('idle-connections/nginx.conf')] },
      ],
      { context, upstream: upstream.port, values: {} },
      (lineup) => checkOneHop(lineup.peer.name, lineup.port),
    );
    return {
      contenders: running.map(contender),
      missing,
      async close() {
        await Promise.all([upstream.stop(), ...running.map((lineup) => lineup.stop())]);
      },
    };
  } catch (error) {
    await upstream.stop();
    throw error;
  }
}

function contender(lineup: RunningLineup): Contender {
  const [process] = lineup.processes;
  if (process === undefined) throw new Error('a lineup has a process');
  const headers = Object.entries(oneHopHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `GET ${oneHopPath} HTTP/1.1\r\n${headers.join('')}\r\n`;
  return {
    name: lineup.peer.name,
    version: lineup.peer.version(),
    async measure() {
      await sleep(restMs);
      const beforeMb = process.anonymousMb();
      const descriptors = process.openDescriptors();
      const cpuBefore = process.cpuSeconds();
      const held = await holdConnections(lineup.port, connections, request);
      await sleep(restMs);
      const heldMb = process.anonymousMb();
      await held.release();
      const endMs = performance.now() + longestCloseMs;
      // Connections to the upstream may stay in the pool.
      while (process.openDescriptors() - descriptors > 100 && performance.now() < endMs) await sleep(20);
      const cpuSeconds = process.cpuSeconds() - cpuBefore;
      await sleep(returnMs);
      return {
        // The load fails where a connection is not answered, or closed before its time.
        errors: 0,
        figures: {
          bytesEach: ((heldMb - beforeMb) * 1024 * 1024) / connections,
          beforeMb,
          heldMb,
          afterMb: process.anonymousMb(),
          descriptorsLeft: process.openDescriptors() - descriptors,
          cpuUsEach: (cpuSeconds * 1e6) / connections,
        },
      };
    },
  };
}
