import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '@lateen/core';
import type { BenchCase, BenchContext, Contender, PreparedCase } from './case.ts';
import { fillIn } from './config-file.ts';
import { runH2load } from './h2load.ts';
import type { Peer } from './peer.ts';
import { freePort, type PinnedProcess } from './pinned-process.ts';
import { startUpstream } from './upstream.ts';
import { runWrk } from './wrk.ts';

/** A contender: one or more processes in a row, each with its configuration. */
export interface Lineup {
  readonly peer: Peer;
  /**
   * Templates from the downstream end to the upstream end. `{{port}}` is where the process listens, `{{upstream}}`
   * where it sends to, `{{dir}}` a directory for it alone.
   */
  readonly configs: readonly string[];
}

export interface ProxyCase {
  readonly name: string;
  readonly summary: string;
  readonly lineups: readonly Lineup[];
  /** Of the load, the contenders and the upstream; default HTTP/1.1. */
  readonly protocol?: 'http1' | 'http2';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  /** Fails where the contender on this port does not do the work that is measured. */
  readonly check: (name: string, port: number) => Promise<void>;
  /** More values for the templates, as in the names of certificate files. */
  readonly values?: (workDir: string) => Promise<Readonly<Record<string, string>>>;
}

/** A case in which wrk (h2load for HTTP/2) asks through each lineup for the answers of one upstream. */
export function proxyCase(options: ProxyCase): BenchCase {
  return { name: options.name, summary: options.summary, prepare: (context) => prepare(options, context) };
}

async function prepare(options: ProxyCase, context: BenchContext): Promise<PreparedCase> {
  const stops: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(stops.map((stop) => stop()));
  };
  try {
    const { workDir } = context;
    const upstream = await startUpstream(workDir, options.protocol);
    stops.push(() => upstream.stop());
    const values = (await options.values?.(workDir)) ?? {};
    const contenders: Contender[] = [];
    const missing: string[] = [];
    for (const lineup of options.lineups) {
      const { name } = lineup.peer;
      if (!lineup.peer.installed(context.proxyBundle)) {
        missing.push(`${name} is not installed: apt-get install ${name}`);
        continue;
      }
      try {
        contenders.push(
          await startLineup(options, lineup, { context, upstream: upstream.port, values, stops }),
        );
      } catch (error) {
        missing.push(`${name} cannot do it: ${messageOf(error)}`);
      }
    }
    return { contenders, missing, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Surroundings {
  readonly context: BenchContext;
  readonly upstream: number;
  readonly values: Readonly<Record<string, string>>;
  readonly stops: (() => Promise<void>)[];
}

async function startLineup(options: ProxyCase, lineup: Lineup, around: Surroundings): Promise<Contender> {
  const { peer, configs } = lineup;
  const processes: PinnedProcess[] = [];
  let next = around.upstream;
  // From the upstream end, so that each finds the one behind it.
  for (const [index, config] of [...configs.entries()].toReversed()) {
    const port = await freePort();
    const dir = join(around.context.workDir, `${peer.name}-${index}`);
    mkdirSync(dir, { recursive: true });
    const file = fillIn(config, dir, { ...around.values, port, upstream: next, dir });
    const started = peer.start(file, { ...around.context, workDir: dir });
    processes.push(started);
    around.stops.push(() => started.stop());
    await started.answersOn(port);
    next = port;
  }
  await options.check(peer.name, next);
  const url = `http://127.0.0.1:${next}${options.path}`;
  const cpuSeconds = (): number => processes.reduce((sum, process) => sum + process.cpuSeconds(), 0);
  return {
    name: peer.name,
    version: peer.version(),
    async measure(seconds) {
      const before = cpuSeconds();
      const { headers, connections } = options;
      const request = { url, headers, connections };
      const result =
        options.protocol === 'http2'
          ? await runH2load(request, seconds, around.context.workDir)
          : await runWrk(request, seconds);
      return {
        requestsPerSecond: result.requestsPerSecond,
        p50Ms: result.p50Ms,
        p99Ms: result.p99Ms,
        errors: result.errors,
        cpuUsPerRequest: ((cpuSeconds() - before) * 1e6) / Math.max(1, result.requests),
        anonymousMb: processes.reduce((sum, process) => sum + process.anonymousMb(), 0),
      };
    },
  };
}
