import { execFile } from 'node:child_process';
import { loadCore } from './pinned-process.ts';

/** A request that wrk repeats. */
export interface WrkRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly connections: number;
  /** A file in Lua that makes the requests. */
  readonly script?: string;
}

/** What wrk says about a run. */
export interface WrkResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

/** Runs wrk with one thread on the load's core. */
export function runWrk(request: WrkRequest, seconds: number): Promise<WrkResult> {
  const headers = Object.entries(request.headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const args = [
    '-t1',
    `-c${request.connections}`,
    `-d${Math.max(1, Math.round(seconds))}s`,
    '--latency',
    ...headers,
  ];
  if (request.script !== undefined) args.push('-s', request.script);
  args.push(request.url);
  return new Promise((resolve, reject) => {
    execFile('taskset', ['-c', String(loadCore), 'wrk', ...args], (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`wrk failed: ${stderr || error.message}`, { cause: error }));
      else resolve(parseWrk(stdout));
    });
  });
}

const unitMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** Reads the report of `wrk --latency`. */
export function parseWrk(report: string): WrkResult {
  const number = (pattern: RegExp): number => Number(pattern.exec(report)?.[1] ?? 0);
  const percentile = (percent: number): number => {
    const match = new RegExp(`^\\s+${percent}%\\s+([\\d.]+)(us|ms|s|m)$`, 'm').exec(report);
    if (match === null) throw new Error(`no ${percent}th percentile in:\n${report}`);
    return Number(match[1]) * (unitMs[match[2] ?? ''] ?? 1);
  };
  const socketErrors = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(report);
  return {
    requests: number(/^\s+(\d+) requests in /m),
    requestsPerSecond: number(/^Requests\/sec:\s+([\d.]+)/m),
    p50Ms: percentile(50),
    p99Ms: percentile(99),
    errors:
      number(/^\s+Non-2xx or 3xx responses: (\d+)/m) +
      (socketErrors?.slice(1).reduce((sum, count) => sum + Number(count), 0) ?? 0),
  };
}
