import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchCase, BenchContext, Contender, Figure, PreparedCase } from '../case.ts';
import { fetchOnce } from '../http-check.ts';
import { startLineups, type RunningLineup } from '../lineup.ts';
import { startNginx } from '../upstream.ts';
import { runWrk } from '../wrk.ts';
import { tcpLineups } from './tcp.ts';

const bulkMb = 4;
const bulkBytes = bulkMb * 1024 * 1024;
const connections = 8;

const figures: readonly Figure[] = [
  { key: 'downMbPerSecond', title: 'down MB/s', digits: 0, ratio: 'our down' },
  { key: 'upMbPerSecond', title: 'up MB/s', digits: 0, ratio: 'our up' },
  { key: 'downCpuUsPerMb', title: 'CPU us/MB down', digits: 0, ratio: 'our CPU down' },
  { key: 'upCpuUsPerMb', title: 'CPU us/MB up', digits: 0, ratio: 'our CPU up' },
  { key: 'anonymousMb', title: 'memory MB', digits: 0 },
];

/** Bytes passed on as fast as they come, in one direction and then in the other. */
export const tcpThroughput: BenchCase = {
  name: 'tcp-throughput',
  summary: `TCP passed on, ${bulkMb} MB at a time over ${connections} connections, one core`,
  figures,
  prepare,
};

async function prepare(context: BenchContext): Promise<PreparedCase> {
  const { workDir } = context;
  writeFileSync(join(workDir, 'bulk'), Buffer.alloc(bulkBytes, 'x'));
  const template = fileURLToPath(new URL('tcp-throughput/upstream.conf', import.meta.url));
  const upstream = await startNginx(workDir, template);
  try {
    const script = join(workDir, 'upload.lua');
    writeFileSync(script, `wrk.method = "POST"\nwrk.body = string.rep("x", ${bulkBytes})\n`);
    const { running, missing } = await startLineups(
      tcpLineups,
      { context, upstream: upstream.port, values: {} },
      async ({ port }) => {
        const answer = await fetchOnce(port, '/down', {});
        if (answer.bodyBytes !== bulkBytes) throw new Error(`${answer.bodyBytes} bytes come through`);
      },
    );
    return {
      contenders: running.map((lineup) => contender(lineup, script)),
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

function contender(lineup: RunningLineup, uploadScript: string): Contender {
  async function load(path: string, seconds: number, script?: string) {
    const url = `http://127.0.0.1:${lineup.port}${path}`;
    const cpuBefore = lineup.cpuSeconds();
    const result = await runWrk(
      { url, headers: {}, connections, ...(script === undefined ? {} : { script }) },
      seconds,
    );
    const cpuSeconds = lineup.cpuSeconds() - cpuBefore;
    return {
      errors: result.errors,
      mbPerSecond: result.requestsPerSecond * bulkMb,
      cpuUsPerMb: (cpuSeconds * 1e6) / (result.requests * bulkMb),
    };
  }
  return {
    name: lineup.peer.name,
    version: lineup.peer.version(),
    async measure(seconds) {
      const down = await load('/down', seconds / 2);
      const up = await load('/up', seconds / 2, uploadScript);
      return {
        errors: down.errors + up.errors,
        figures: {
          downMbPerSecond: down.mbPerSecond,
          upMbPerSecond: up.mbPerSecond,
          downCpuUsPerMb: down.cpuUsPerMb,
          upCpuUsPerMb: up.cpuUsPerMb,
          anonymousMb: lineup.anonymousMb(),
        },
      };
    },
  };
}
