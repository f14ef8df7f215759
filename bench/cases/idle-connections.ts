import { fileURLToPath } from 'node:url';
import { sleep } from '@lateen/core';
import type { BenchCase, BenchContext, Contender, Figure, PreparedCase, Sample } from '../case.ts';
import { holdConnections } from '../idle-load/run.ts';
import { startLineup, type Lineup, type LineupContext, type RunningLineup } from '../lineup.ts';
import { envoy, haproxy, lateen, nginx, notInstalled } from '../peer.ts';
import { startUpstream } from '../upstream.ts';
import { checkOneHop, oneHopHeaders, oneHopPath } from './http1-one-hop.ts';

const connections = 10_000;
/** A proxy collects what its start has left two seconds after it. */
const restMs = 4_000;
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
  const lineups: readonly Lineup[] = [
    { peer: lateen, configs: [config('http1-one-hop/bootstrap.yaml')] },
    { peer: haproxy, configs: [config('idle-connections/haproxy.cfg')] },
    { peer: envoy, configs: [config('http1-one-hop/bootstrap.yaml')] },
    { peer: nginx, configs: [config('idle-connections/nginx.conf')] },
  ];
  try {
    const around = { context, upstream: upstream.port, values: {} };
    return {
      contenders: lineups
        .filter(({ peer }) => peer.installed(context.proxyBundle))
        .map((lineup) => contender(lineup, around)),
      missing: lineups
        .filter(({ peer }) => !peer.installed(context.proxyBundle))
        .map(({ peer }) => notInstalled(peer)),
      close: () => upstream.stop(),
    };
  } catch (error) {
    await upstream.stop();
    throw error;
  }
}

/** Each round has processes of its own: later connections would use again what the first have left. */
function contender(lineup: Lineup, around: LineupContext): Contender {
  return {
    name: lineup.peer.name,
    version: lineup.peer.version(),
    async measure() {
      const running = await startLineup(lineup, around);
      try {
        await checkOneHop(lineup.peer.name, running.port);
        return await measureConnections(running);
      } finally {
        await running.stop();
      }
    },
  };
}

async function measureConnections({ port, processes: [process] }: RunningLineup): Promise<Sample> {
  if (process === undefined) throw new Error('a lineup has a process');
  const headers = Object.entries(oneHopHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `GET ${oneHopPath} HTTP/1.1\r\n${headers.join('')}\r\n`;
  await sleep(restMs);
  const beforeMb = process.anonymousMb();
  const descriptors = process.openDescriptors();
  const cpuBefore = process.cpuSeconds();
  const held = await holdConnections(port, connections, request);
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
}
