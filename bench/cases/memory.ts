import { sleep } from '@lateen/core';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchCase, BenchContext, Contender, Figure, PreparedCase } from '../case.ts';
import { latenciesOf, sendAtConstantRate } from '../constant-rate/run.ts';
import { startMeshControlPlane, type MeshControlPlane } from '../mesh-control-plane.ts';
import { lateen, lateenWith, notInstalled } from '../peer.ts';
import { startLineup, type Lineup, type RunningLineup } from '../lineup.ts';
import type { MemoryMb } from '../pinned-process.ts';
import { answerBytes, startUpstream } from '../upstream.ts';
import { checkPair, pairHeaders, pairLineups, pairPath, writeCertificates } from './mtls-pair.ts';

const pairs = 10;
const ratePerSecond = 1000;
const connections = 64;
/** A proxy collects what its start has left when it first comes to rest; twenty that start at once take their time. */
const restMs = 20_000;

const figures: readonly Figure[] = [
  { key: 'idleAnonymousMb', title: 'idle anonymous MB', digits: 1, ratio: 'our idle' },
  { key: 'idlePssMb', title: 'idle Pss MB', digits: 1 },
  { key: 'idleResidentMb', title: 'idle resident MB', digits: 1 },
  { key: 'loadedAnonymousMb', title: 'loaded anonymous MB', digits: 1, ratio: 'our loaded' },
  { key: 'loadedPssMb', title: 'loaded Pss MB', digits: 1 },
  { key: 'loadedResidentMb', title: 'loaded resident MB', digits: 1 },
];

/** What each of twenty proxies costs a host: ten pairs with mTLS, ours with a small mesh from a stream of ADS, at first idle, then one of them loaded. */
export const memory: BenchCase = {
  name: 'memory',
  summary: `each of ${pairs * 2} proxies with mTLS on one host, ours with a small mesh from a stream of ADS, idle, and two of them at ${ratePerSecond} requests/s over ${connections} connections, ${answerBytes} bytes`,
  figures,
  warmsUp: false,
  prepare,
};

async function prepare(context: BenchContext): Promise<PreparedCase> {
  const upstream = await startUpstream(context.workDir);
  const control = await startMeshControlPlane();
  const close = async (): Promise<void> => {
    await Promise.all([upstream.stop(), control.close()]);
  };
  try {
    const values = await writeCertificates(context.workDir);
    const around = { upstream: upstream.port, values };
    const missing = pairLineups
      .filter(({ peer }) => !peer.installed(context.proxyBundle))
      .map(({ peer }) => notInstalled(peer));
    const contenders = pairLineups
      .filter(({ peer }) => peer.installed(context.proxyBundle))
      .map((lineup) => contender(asked(lineup, control), context, around, control));
    return { contenders, missing, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Our proxy asks a control plane, as a sidecar does. */
function asked(lineup: Lineup, { overlay }: MeshControlPlane): Lineup {
  return lineup.peer === lateen ? { ...lineup, peer: lateenWith(overlay) } : lineup;
}

function contender(
  lineup: Lineup,
  context: BenchContext,
  around: { readonly upstream: number; readonly values: Readonly<Record<string, string>> },
  control: MeshControlPlane,
): Contender {
  const { name } = lineup.peer;
  return {
    name,
    version: lineup.peer.version(),
    async measure(seconds) {
      const running: RunningLineup[] = [];
      try {
        for (let i = 0; i < pairs; i++) {
          const workDir = join(context.workDir, `pair-${i}`);
          mkdirSync(workDir, { recursive: true });
          running.push(await startLineup(lineup, { ...around, context: { ...context, workDir } }));
        }
        const [loaded] = running;
        if (loaded === undefined) throw new Error('no pair');
        await sleep(restMs);
        if (name === lateen.name && control.answered !== pairs * 2)
          throw new Error(`${control.answered} of ${pairs * 2} proxies have a stream of ADS`);
        const idle = meanMemory(running);
        await checkPair(name, loaded.port);
        const headers = Object.entries(pairHeaders).map(([key, value]) => `${key}: ${value}\r\n`);
        const request = `GET ${pairPath} HTTP/1.1\r\n${headers.join('')}\r\n`;
        const { port } = loaded;
        const sent = await sendAtConstantRate({ port, ratePerSecond, seconds, connections, request });
        const used = meanMemory([loaded]);
        return {
          errors: latenciesOf(sent).errors,
          figures: {
            idleAnonymousMb: idle.anonymous,
            idlePssMb: idle.proportional,
            idleResidentMb: idle.resident,
            loadedAnonymousMb: used.anonymous,
            loadedPssMb: used.proportional,
            loadedResidentMb: used.resident,
          },
        };
      } finally {
        await Promise.all(running.map((pair) => pair.stop()));
      }
    },
  };
}

/** The mean over all processes of the lineups. */
function meanMemory(lineups: readonly RunningLineup[]): MemoryMb {
  const all = lineups.flatMap(({ processes }) => processes.map((process) => process.memoryMb()));
  const mean = (key: keyof MemoryMb): number => all.reduce((sum, one) => sum + one[key], 0) / all.length;
  return {
    anonymous: mean('anonymous'),
    proportional: mean('proportional'),
    resident: mean('resident'),
  };
}
