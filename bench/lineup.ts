import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '@lateen/core';
import { freePort } from '@lateen/testkit/free-port';
import type { BenchContext } from './case.ts';
import { fillIn } from './config-file.ts';
import { countedRequests } from './istio-metrics.ts';
import { lateen, notInstalled, type Peer } from './peer.ts';
import { type PinnedProcess } from './pinned-process.ts';

/** A contender: one or more processes in a row, each with its configuration. */
export interface Lineup {
  readonly peer: Peer;
  /**
   * Templates from the downstream end to the upstream end. `{{port}}` is where the process listens, `{{upstream}}`
   * where it sends to, `{{admin}}` a port for its administration, `{{dir}}` a directory for it alone.
   */
  readonly configs: readonly string[];
}

/** A lineup that runs. */
export interface RunningLineup {
  readonly peer: Peer;
  /** Where its downstream end listens. */
  readonly port: number;
  readonly processes: readonly PinnedProcess[];
  /** CPU that all its processes have used so far. */
  cpuSeconds(): number;
  anonymousMb(): number;
  /** Answers with status 200 that Istio's standard metrics hold, for each of our proxies; empty for peers. */
  countedRequests(): Promise<readonly number[]>;
  stop(): Promise<void>;
}

/** Where lineups are started. */
export interface LineupContext {
  readonly context: BenchContext;
  /** Port of what the upstream end sends to. */
  readonly upstream: number;
  /** More values for the templates. */
  readonly values: Readonly<Record<string, string>>;
}

/** Starts the processes of a lineup, from the upstream end, so that each finds the one behind it. */
export async function startLineup(
  lineup: Lineup,
  { context, upstream, values }: LineupContext,
): Promise<RunningLineup> {
  const { peer, configs } = lineup;
  const processes: PinnedProcess[] = [];
  const admins: number[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(processes.map((process) => process.stop()));
  };
  let next = upstream;
  try {
    for (const [index, config] of [...configs.entries()].toReversed()) {
      const port = await freePort();
      const admin = await freePort();
      const dir = join(context.workDir, `${peer.name}-${index}`);
      mkdirSync(dir, { recursive: true });
      const file = fillIn(config, dir, { ...values, port, admin, upstream: next, dir });
      const started = peer.start(file, { ...context, workDir: dir });
      processes.push(started);
      if (peer === lateen) admins.push(admin);
      await started.answersOn(port);
      next = port;
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    peer,
    port: next,
    processes,
    cpuSeconds: () => processes.reduce((sum, process) => sum + process.cpuSeconds(), 0),
    anonymousMb: () => processes.reduce((sum, process) => sum + process.anonymousMb(), 0),
    countedRequests: () => Promise.all(admins.map(countedRequests)),
    stop,
  };
}

/** Those of the lineups that can be started, and why the others cannot. `check` throws where the work is not done. */
export async function startLineups(
  lineups: readonly Lineup[],
  around: LineupContext,
  check: (running: RunningLineup) => Promise<void>,
): Promise<{ readonly running: readonly RunningLineup[]; readonly missing: readonly string[] }> {
  const running: RunningLineup[] = [];
  const missing: string[] = [];
  for (const lineup of lineups) {
    const { name } = lineup.peer;
    if (!lineup.peer.installed(around.context.proxyBundle)) {
      missing.push(notInstalled(lineup.peer));
      continue;
    }
    try {
      const started = await startLineup(lineup, around);
      running.push(started);
      await check(started);
    } catch (error) {
      if (running.at(-1)?.peer === lineup.peer) await running.pop()?.stop();
      missing.push(`${name} cannot do it: ${messageOf(error)}`);
    }
  }
  return { running, missing };
}
