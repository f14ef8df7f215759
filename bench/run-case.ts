import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { BenchCase, Contender, Figure, Sample } from './case.ts';
import { ourName } from './report.ts';

export interface RunOptions {
  readonly proxyBundle: string;
  readonly rounds: number;
  readonly seconds: number;
  /** Told what is being done. */
  readonly progress: (line: string) => void;
}

/** The middle of a contender's rounds. */
export interface Standing {
  readonly name: string;
  readonly version: string;
  readonly figures: Readonly<Record<string, number>>;
  readonly rounds: readonly Sample[];
}

export interface CaseResult {
  readonly name: string;
  readonly summary: string;
  readonly figures: readonly Figure[];
  /** Name of the contender that ratios compare with. */
  readonly baseline: string;
  readonly missing: readonly string[];
  readonly standings: readonly Standing[];
}

/** Measures the contenders in turn, round after round, so that what else the machine does falls on all alike. */
export async function runCase(bench: BenchCase, options: RunOptions): Promise<CaseResult> {
  const workDir = mkdtempSync(join(tmpdir(), 'lateen-bench-'));
  const removeWorkDir = (): void => rmSync(workDir, { recursive: true, force: true });
  process.once('exit', removeWorkDir);
  try {
    const prepared = await bench.prepare({ workDir, proxyBundle: options.proxyBundle });
    try {
      const { contenders, missing } = prepared;
      for (const name of missing) options.progress(`MISSING: ${name}`);
      for (const contender of bench.warmsUp === false ? [] : contenders) {
        await warmUp(bench, contender, options.progress);
      }
      const samples = new Map<Contender, Sample[]>(contenders.map((contender) => [contender, []]));
      for (let round = 1; round <= options.rounds; round++) {
        for (const contender of turnOrder(contenders, round)) {
          const list = samples.get(contender) ?? [];
          const sample = await contender.measure(options.seconds);
          if (sample.errors > 0) throw new Error(`${contender.name}: ${sample.errors} failed requests`);
          list.push(sample);
          const [{ key, title, digits } = { key: '', title: '', digits: 0 }] = bench.figures;
          const first = sample.figures[key]?.toFixed(digits) ?? '-';
          options.progress(`round ${round}/${options.rounds}: ${contender.name} ${first} ${title}`);
        }
      }
      const standings = [...samples].map(([contender, list]) => standing(bench.figures, contender, list));
      const { name, summary, figures, baseline = ourName } = bench;
      return { name, summary, figures, baseline, missing, standings };
    } finally {
      await prepared.close();
    }
  } finally {
    removeWorkDir();
    process.off('exit', removeWorkDir);
  }
}

/**
 * Who is measured after whom in a round, from 1: another one begins each time, since whoever comes first fares worse (the
 * machine has rested). What others are compared with in the same round comes before them.
 */
export function turnOrder<T extends Pick<Contender, 'goesFirst'>>(
  contenders: readonly T[],
  round: number,
): readonly T[] {
  const others = contenders.filter(({ goesFirst }) => goesFirst !== true);
  const at = (round - 1) % Math.max(others.length, 1);
  return [
    ...contenders.filter(({ goesFirst }) => goesFirst === true),
    ...others.slice(at),
    ...others.slice(0, at),
  ];
}

const warmUpSliceSeconds = 2;
const warmUpMostMs = 12_000;
/** Two slices that differ by less are alike. */
const settledWithin = 0.03;

/**
 * Measures in short slices until two in a row are alike: what is compared is how a proxy runs that has been running,
 * not how long its just-in-time compiler takes. It compiles on the contender's own core.
 */
async function warmUp(
  bench: BenchCase,
  contender: Contender,
  progress: RunOptions['progress'],
): Promise<void> {
  progress(`warming up ${contender.name}`);
  if (contender.warmUp !== undefined) return contender.warmUp();
  const key = bench.figures[0]?.key ?? '';
  const begun = performance.now();
  let before = Number.NaN;
  while (performance.now() - begun < warmUpMostMs) {
    const { figures } = await contender.measure(warmUpSliceSeconds);
    const now = figures[key] ?? Number.NaN;
    if (Math.abs(now - before) <= before * settledWithin) return;
    before = now;
  }
}

function standing(figures: readonly Figure[], contender: Contender, rounds: readonly Sample[]): Standing {
  const middle = figures.map(
    ({ key }) => [key, median(rounds.map((sample) => sample.figures[key] ?? Number.NaN))] as const,
  );
  const { name, version } = contender;
  return { name, version, figures: Object.fromEntries(middle), rounds };
}

/** The middle value; the mean of the two in the middle where their number is even. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  if (sorted.length % 2 === 1) return upper;
  return ((sorted[sorted.length / 2 - 1] ?? Number.NaN) + upper) / 2;
}
