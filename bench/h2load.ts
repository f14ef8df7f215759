import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { percentile } from './percentile.ts';
import { loadCore } from './pinned-process.ts';
import type { WrkRequest, WrkResult } from './wrk.ts';

/** Streams that each connection has open at a time. */
const streams = 10;

/** A request that h2load repeats; a POST where it has a body. */
export interface H2loadRequest extends WrkRequest {
  readonly bodyFile?: string;
}

/** Runs h2load with one thread on the load's core: HTTP/2 with prior knowledge. */
export function runH2load(request: H2loadRequest, seconds: number, workDir: string): Promise<WrkResult> {
  const log = join(workDir, 'h2load.log');
  rmSync(log, { force: true });
  const headers = Object.entries(request.headers).flatMap(([name, value]) => [
    '-H',
    `${name.toLowerCase() === 'host' ? ':authority' : name}: ${value}`,
  ]);
  const args = ['-t1', `-c${request.connections}`, `-m${streams}`, `-D${seconds}`, `--log-file=${log}`];
  if (request.bodyFile !== undefined) args.push('-d', request.bodyFile);
  return new Promise((resolve, reject) => {
    execFile(
      'taskset',
      ['-c', String(loadCore), 'h2load', ...args, ...headers, request.url],
      (error, stdout, stderr) => {
        if (error !== null) reject(new Error(`h2load failed: ${stderr || error.message}`, { cause: error }));
        else resolve(parseH2load(stdout, readFileSync(log, 'latin1')));
      },
    );
  });
}

/** Reads the report of h2load and its log: a line a request with start, status and microseconds. */
export function parseH2load(report: string, log: string): WrkResult {
  const rate = /^finished in [\d.]+\w+, ([\d.]+) req\/s/m.exec(report)?.[1];
  const counts =
    /^requests: (\d+) total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored/m.exec(
      report,
    );
  const statuses = /^status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx/m.exec(report);
  if (rate === undefined || counts === null || statuses === null) throw new Error(`no report:\n${report}`);
  const times = Float64Array.from(
    log
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Number(line.split('\t')[2])),
  ).sort();
  return {
    requests: Number(counts[2]),
    requestsPerSecond: Number(rate),
    p50Ms: percentile(times, 50) / 1000,
    p99Ms: percentile(times, 99) / 1000,
    errors: Number(counts[3]) + Number(statuses[2]) + Number(statuses[3]) + Number(statuses[4]),
  };
}
