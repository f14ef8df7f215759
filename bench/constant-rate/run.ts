import { execFile } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { percentile } from '../percentile.ts';
import { loadCore } from '../pinned-process.ts';

export interface SendOptions {
  readonly port: number;
  readonly ratePerSecond: number;
  readonly seconds: number;
  /** Seconds of the same load before these, of which nothing is reported: the sender itself compiles and connects then. Default 0. */
  readonly leadInSeconds?: number;
  readonly connections: number;
  /** Head of the request as it is sent; it has no body. */
  readonly request: string;
  /** Header of the answer that is reported with each; in lower case. */
  readonly markHeader?: string;
}

/** A request: when it was due (milliseconds since 1970), how long it took, status (0: none), value of the mark. */
export type Sent = readonly [dueMs: number, latencyMs: number, status: number, mark: string];

/** How long requests took. */
export interface Latencies {
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly longestMs: number;
  /** Requests that were answered by something else than 200, or not at all. */
  readonly errors: number;
}

/** Sends requests at a constant rate from the load's core; resolves to every one of them after the lead-in. */
export async function sendAtConstantRate(options: SendOptions): Promise<readonly Sent[]> {
  const { leadInSeconds = 0 } = options;
  const sent = await runSender({ ...options, seconds: leadInSeconds + options.seconds });
  return afterLeadIn(sent, leadInSeconds);
}

/** Requests that were due when so many seconds had passed since the first was. */
export function afterLeadIn(sent: readonly Sent[], leadInSeconds: number): readonly Sent[] {
  if (leadInSeconds === 0) return sent;
  const firstMs = sent.reduce((least, [dueMs]) => Math.min(least, dueMs), Number.POSITIVE_INFINITY);
  return sent.filter(([dueMs]) => dueMs >= firstMs + leadInSeconds * 1000);
}

function runSender(options: SendOptions): Promise<readonly Sent[]> {
  const program = fileURLToPath(new URL('send.ts', import.meta.url));
  const args = ['-c', String(loadCore), process.execPath, program, JSON.stringify(options)];
  return new Promise((resolve, reject) => {
    const limits = { maxBuffer: 256 * 1024 * 1024, timeout: (options.seconds + 15) * 1000 };
    execFile('taskset', args, limits, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`the load failed: ${stderr || error.message}`, { cause: error }));
      else resolve(JSON.parse(stdout) as Sent[]);
    });
  });
}

/** The percentiles of requests. */
export function latenciesOf(sent: readonly Sent[]): Latencies {
  const times = Float64Array.from(sent, ([, latencyMs]) => latencyMs).sort();
  return {
    p50Ms: percentile(times, 50),
    p90Ms: percentile(times, 90),
    p99Ms: percentile(times, 99),
    longestMs: times.at(-1) ?? Number.NaN,
    errors: sent.filter(([, , status]) => status !== 200).length,
  };
}
