import type { LoadOptions, LoadResult } from './load.ts';

interface Figures {
  readonly count: number;
  readonly avg: number;
  readonly deviation: number;
  readonly min: number;
  readonly max: number;
  readonly sum: number;
}

function figuresOf(values: readonly number[]): Figures {
  const count = values.length;
  const sum = values.reduce((total, value) => total + value, 0);
  const avg = count === 0 ? 0 : sum / count;
  const variance = count === 0 ? 0 : values.reduce((total, value) => total + (value - avg) ** 2, 0) / count;
  return {
    count,
    avg,
    deviation: Math.sqrt(variance),
    min: count === 0 ? 0 : values.reduce((a, b) => Math.min(a, b)),
    max: count === 0 ? 0 : values.reduce((a, b) => Math.max(a, b)),
    sum,
  };
}

/** At most eight significant digits, as short as possible. */
function short(value: number): string {
  return String(Number(value.toPrecision(8)));
}

function line(name: string, { count, avg, deviation, min, max, sum }: Figures): string {
  return `${name} : count ${count} avg ${short(avg)} +/- ${deviation.toPrecision(4)} min ${short(min)} max ${short(max)} sum ${short(sum)}`;
}

/** Buckets that grow with the value: each a tenth of its power of ten, no finer than a millisecond. */
function bucketStart(seconds: number): number {
  const width = bucketWidth(seconds);
  return Math.floor(seconds / width + 1e-9) * width;
}

function bucketWidth(seconds: number): number {
  return Math.max(0.001, 10 ** Math.floor(Math.log10(Math.max(seconds, 0.001))));
}

function histogram(sorted: readonly number[]): string[] {
  const lines = ['# range, mid point, percentile, count'];
  let done = 0;
  while (done < sorted.length) {
    const first = sorted[done] ?? 0;
    const start = bucketStart(first);
    const end = start + bucketWidth(first);
    let next = done;
    while (next < sorted.length && (sorted[next] ?? 0) < end) next++;
    const low = done === 0 ? first : start;
    const high = next === sorted.length ? (sorted.at(-1) ?? end) : end;
    const share = ((100 * next) / sorted.length).toFixed(2);
    lines.push(
      `${done === 0 ? '>=' : '>'} ${short(low)} <= ${short(high)} , ${short((low + high) / 2)} , ${share}, ${next - done}`,
    );
    done = next;
  }
  return lines;
}

/** The value below which `percent` of the sorted values lie. */
export function percentile(sorted: readonly number[], percent: number): number {
  const index = Math.ceil((percent / 100) * sorted.length) - 1;
  return sorted[Math.max(0, Math.min(sorted.length - 1, index))] ?? 0;
}

/** The report of a run, in the form that users of fortio read. */
export function summarize(options: LoadOptions, result: LoadResult, percents: readonly number[]): string {
  const { outcomes, elapsedSeconds } = result;
  const sorted = outcomes.map((outcome) => outcome.seconds).sort((a, b) => a - b);
  const qps = elapsedSeconds === 0 ? 0 : outcomes.length / elapsedSeconds;
  const lines = [
    `Ended after ${elapsedSeconds < 1 ? `${short(elapsedSeconds * 1000)}ms` : `${short(elapsedSeconds)}s`} : ${outcomes.length} calls. qps=${qps.toPrecision(5)}`,
    line('Aggregated Function Time', figuresOf(sorted)),
    ...histogram(sorted),
    ...percents.map((percent) => `# target ${percent}% ${short(percentile(sorted, percent))}`),
    `Sockets used: ${result.sockets} (for perfect keepalive, would be ${Math.min(options.connections, outcomes.length)})`,
  ];
  const codes = new Map<number, number>();
  for (const { code } of outcomes) codes.set(code, (codes.get(code) ?? 0) + 1);
  for (const [code, count] of [...codes].sort(([a], [b]) => a - b)) {
    const name = code < 0 ? String(code) : String(code).padStart(3);
    lines.push(`Code ${name} : ${count} (${((100 * count) / outcomes.length).toFixed(1)} %)`);
  }
  lines.push(
    line('Response Header Sizes', figuresOf(outcomes.map((outcome) => outcome.headerBytes))),
    line('Response Body/Total Sizes', figuresOf(outcomes.map((outcome) => outcome.totalBytes))),
    `All done ${outcomes.length} calls (plus 0 warmup) ${(1000 * figuresOf(sorted).avg).toFixed(3)} ms avg, ${qps.toFixed(1)} qps`,
  );
  return `${lines.join('\n')}\n`;
}

/** The same as one JSON object, under fortio's names. */
export function resultJson(options: LoadOptions, result: LoadResult, percents: readonly number[]): unknown {
  const sorted = result.outcomes.map((outcome) => outcome.seconds).sort((a, b) => a - b);
  const { count, avg, deviation, min, max, sum } = figuresOf(sorted);
  const codes: Record<string, number> = {};
  for (const { code } of result.outcomes) codes[code] = (codes[code] ?? 0) + 1;
  return {
    RunType: 'HTTP',
    URL: options.url.href,
    RequestedQPS: options.qps === 0 ? 'max' : String(options.qps),
    ActualQPS: count / result.elapsedSeconds,
    ActualDuration: Math.round(result.elapsedSeconds * 1e9),
    NumThreads: options.connections,
    DurationHistogram: {
      Count: count,
      Min: min,
      Max: max,
      Sum: sum,
      Avg: avg,
      StdDev: deviation,
      Percentiles: percents.map((percent) => ({ Percentile: percent, Value: percentile(sorted, percent) })),
    },
    RetCodes: codes,
    SocketCount: result.sockets,
  };
}
