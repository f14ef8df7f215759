import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchCase, BenchContext, Contender, PreparedCase } from './case.ts';
import { runH2load } from './h2load.ts';
import { startLineups, type Lineup, type RunningLineup } from './lineup.ts';
import { loadFigures } from './load-figures.ts';
import { startUpstream, type Upstream } from './upstream.ts';
import { runWrk } from './wrk.ts';

export interface ProxyCase {
  readonly name: string;
  readonly summary: string;
  readonly lineups: readonly Lineup[];
  /** Of the load, the contenders and the upstream; default HTTP/1.1. */
  readonly protocol?: 'http1' | 'http2';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Body of each request, which makes it a POST; for HTTP/2 only. */
  readonly body?: Buffer;
  readonly connections: number;
  /** Fails where the contender on this port does not do the work that is measured. */
  readonly check: (name: string, port: number) => Promise<void>;
  /** True where Istio's standard metrics of our proxies must have counted every request. */
  readonly countsRequests?: boolean;
  /** Default: one that answers everything with 1 KB. */
  readonly startUpstream?: (workDir: string) => Promise<Upstream>;
  /** More values for the templates, as in the names of certificate files. */
  readonly values?: (workDir: string) => Promise<Readonly<Record<string, string>>>;
}

/** A case in which wrk (h2load for HTTP/2) asks through each lineup for the answers of one upstream. */
export function proxyCase(options: ProxyCase): BenchCase {
  const { name, summary } = options;
  return { name, summary, figures: loadFigures, prepare: (context) => prepare(options, context) };
}

async function prepare(options: ProxyCase, context: BenchContext): Promise<PreparedCase> {
  const { workDir } = context;
  const upstream = await (options.startUpstream?.(workDir) ?? startUpstream(workDir, options.protocol));
  try {
    const values = (await options.values?.(workDir)) ?? {};
    const { running, missing } = await startLineups(
      options.lineups,
      { context, upstream: upstream.port, values },
      (lineup) => options.check(lineup.peer.name, lineup.port),
    );
    return {
      contenders: running.map((lineup) => contender(options, lineup, workDir)),
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

function contender(options: ProxyCase, lineup: RunningLineup, workDir: string): Contender {
  const { name } = lineup.peer;
  const { headers, connections } = options;
  const url = `http://127.0.0.1:${lineup.port}${options.path}`;
  const bodyFile = join(workDir, 'request-body');
  if (options.body !== undefined) writeFileSync(bodyFile, options.body);
  const request = {
    url,
    headers,
    connections,
    ...(options.body === undefined ? {} : { bodyFile }),
  };
  return {
    name,
    version: lineup.peer.version(),
    async measure(seconds) {
      const countedBefore = options.countsRequests === true ? await lineup.countedRequests() : [];
      const before = lineup.cpuSeconds();
      const result =
        options.protocol === 'http2'
          ? await runH2load(request, seconds, workDir)
          : await runWrk(request, seconds);
      const cpuSeconds = lineup.cpuSeconds() - before;
      const anonymousMb = lineup.anonymousMb();
      if (options.countsRequests === true) {
        assertCounted(name, countedBefore, await lineup.countedRequests(), result.requests);
      }
      return {
        errors: result.errors,
        figures: {
          requestsPerSecond: result.requestsPerSecond,
          p50Ms: result.p50Ms,
          p99Ms: result.p99Ms,
          cpuUsPerRequest: (cpuSeconds * 1e6) / Math.max(1, result.requests),
          anonymousMb,
        },
      };
    },
  };
}

/** Throws where a proxy of the lineup has counted less than it answered: without metrics it would win by doing less. */
export function assertCounted(
  name: string,
  before: readonly number[],
  after: readonly number[],
  requests: number,
): void {
  for (const [i, count] of after.entries()) {
    const grown = count - (before[i] ?? 0);
    if (grown < requests) throw new Error(`${name} counted ${grown} of ${requests} requests`);
  }
}
