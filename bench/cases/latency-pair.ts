import type { BenchCase, BenchContext, Contender, Figure, PreparedCase } from '../case.ts';
import { latenciesOf, sendAtConstantRate, type Latencies } from '../constant-rate/run.ts';
import { startLineups, type RunningLineup } from '../lineup.ts';
import { assertCounted } from '../proxy-case.ts';
import { answerBytes, startUpstream } from '../upstream.ts';
import { runWrk } from '../wrk.ts';
import { checkPair, pairHeaders, pairLineups, pairPath, writeCertificates } from './mtls-pair.ts';

const ratePerSecond = 1000;
const connections = 4;
/** The sender is a program of Node too: its own first second would be half of what one request in a hundred waits. */
const leadInSeconds = 1;
/** As many connections and seconds as it takes our compiler to be done. */
const warmUp = { connections: 32, seconds: 12 };

const figures: readonly Figure[] = [
  { key: 'p50Ms', title: 'p50 ms', digits: 3 },
  { key: 'p90Ms', title: 'p90 ms', digits: 3 },
  { key: 'p99Ms', title: 'p99 ms', digits: 3 },
  { key: 'addedP50Ms', title: 'added p50', digits: 3, ratio: 'our p50' },
  { key: 'addedP90Ms', title: 'added p90', digits: 3, ratio: 'our p90' },
  { key: 'addedP99Ms', title: 'added p99', digits: 3, ratio: 'our p99' },
  { key: 'coresEach', title: 'cores each', digits: 3, ratio: 'our CPU' },
  { key: 'anonymousMbEach', title: 'memory MB each', digits: 1 },
];

/** What two proxies with mutual TLS between them add to the time of a request, where nothing is short. */
export const latencyPair: BenchCase = {
  name: 'latency-pair',
  summary: `${ratePerSecond} requests/s over ${connections} connections through two proxies with mTLS between, ${answerBytes} bytes; what they add to the direct way`,
  figures,
  prepare,
};

async function prepare(context: BenchContext): Promise<PreparedCase> {
  const upstream = await startUpstream(context.workDir);
  try {
    const values = await writeCertificates(context.workDir);
    const { running, missing } = await startLineups(
      pairLineups,
      { context, upstream: upstream.port, values },
      (lineup) => checkPair(lineup.peer.name, lineup.port),
    );
    // What the direct way took in this round.
    let direct: Latencies | undefined;
    const first: Contender = {
      name: 'direct',
      goesFirst: true,
      version: '',
      async measure(seconds) {
        direct = await latenciesAt(upstream.port, seconds);
        const { p50Ms, p90Ms, p99Ms, errors } = direct;
        return { errors, figures: { p50Ms, p90Ms, p99Ms } };
      },
    };
    const added = (lineup: RunningLineup): Contender => ({
      name: lineup.peer.name,
      version: lineup.peer.version(),
      // At the rate that is measured a compiler would be at work for a minute.
      async warmUp() {
        const url = `http://127.0.0.1:${lineup.port}${pairPath}`;
        await runWrk({ url, headers: pairHeaders, connections: warmUp.connections }, warmUp.seconds);
      },
      async measure(seconds) {
        const counted = await lineup.countedRequests();
        const cpuBefore = lineup.cpuSeconds();
        const { p50Ms, p90Ms, p99Ms, errors } = await latenciesAt(lineup.port, seconds);
        const cpuSeconds = lineup.cpuSeconds() - cpuBefore;
        const anonymousMb = lineup.anonymousMb();
        assertCounted(
          lineup.peer.name,
          counted,
          await lineup.countedRequests(),
          ratePerSecond * (leadInSeconds + seconds),
        );
        const without = (ms: number, directMs: number | undefined): number => ms - (directMs ?? Number.NaN);
        return {
          errors,
          figures: {
            p50Ms,
            p90Ms,
            p99Ms,
            addedP50Ms: without(p50Ms, direct?.p50Ms),
            addedP90Ms: without(p90Ms, direct?.p90Ms),
            addedP99Ms: without(p99Ms, direct?.p99Ms),
            coresEach: cpuSeconds / (leadInSeconds + seconds) / lineup.processes.length,
            anonymousMbEach: anonymousMb / lineup.processes.length,
          },
        };
      },
    });
    return {
      contenders: [first, ...running.map(added)],
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

async function latenciesAt(port: number, seconds: number): Promise<Latencies> {
  const headers = Object.entries(pairHeaders).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `GET ${pairPath} HTTP/1.1\r\n${headers.join('')}\r\n`;
  return latenciesOf(
    await sendAtConstantRate({ port, request, ratePerSecond, seconds, leadInSeconds, connections }),
  );
}
