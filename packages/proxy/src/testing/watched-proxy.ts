import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { silentLogger, type Logger } from '@lateen/core';
import type { AccessLog, Cluster, Route } from '../model/index.ts';
import type { DataPlane, DataPlaneOptions } from '../data-plane.ts';
import type { HttpConnectionManager } from '../model/network-filter.ts';
import { serveHttp, type Closers } from './harness.ts';

/** What the access log says of one request. */
export interface LoggedRequest {
  readonly code: number;
  readonly flags: string;
  readonly details: string | null;
  readonly failure: string | null;
  readonly method: string | null;
  readonly protocol: string | null;
  readonly attempts: number;
}

const format = {
  code: '%RESPONSE_CODE%',
  flags: '%RESPONSE_FLAGS%',
  details: '%RESPONSE_CODE_DETAILS%',
  failure: '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  method: '%REQ(:METHOD)%',
  protocol: '%PROTOCOL%',
  attempts: '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
};

/** An access log that a {@link LogWatch} understands. */
export const watchedLog: AccessLog = {
  name: 'watched',
  sink: { kind: 'stdout' },
  format: { kind: 'json', json: format, omitEmpty: false },
};

/** Keeps lines of an access log for a test that waits for them. */
export class LogWatch {
  readonly #lines: LoggedRequest[] = [];
  #wake: () => void = () => {};

  readonly write = (_sink: string, text: string): void => {
    for (const line of text.split('\n')) if (line !== '') this.#lines.push(JSON.parse(line) as LoggedRequest);
    this.#wake();
  };

  /** The next line that was not asked for before. */
  async next(): Promise<LoggedRequest> {
    while (this.#lines.length === 0) await new Promise<void>((resolve) => (this.#wake = resolve));
    return this.#lines.shift() as LoggedRequest;
  }

  /** Lines that nobody has asked for. */
  get left(): number {
    return this.#lines.length;
  }
}

/** The value of a counter or gauge; 0 where it has not been counted yet. */
function countOf(dataPlane: DataPlane, name: string): number {
  const line = dataPlane.stats
    .text()
    .split('\n')
    .find((one) => one.startsWith(`${name}: `));
  return line === undefined ? 0 : Number(line.slice(name.length + 2));
}

/** The values of several. */
export function statsOf(dataPlane: DataPlane, names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, countOf(dataPlane, name)]));
}

/** Gauges, as they end, that count what is under way. */
const underWay = /^(?:cluster|http|tcp|listener)\..*(?:cx_active|rq_active|pending_active|upgrades_active): /;

/** Names of the gauges that say that something is still under way. */
export function busyGauges(dataPlane: DataPlane): string[] {
  return dataPlane.stats
    .text()
    .split('\n')
    .filter((line) => underWay.test(line) && !line.endsWith(': 0'));
}

/** A proxy of which a test sees everything that a fault leaves behind. */
export interface WatchedProxy {
  readonly port: number;
  readonly dataPlane: DataPlane;
  readonly log: LogWatch;
  stat(name: string): number;
  /** Fails where these counters and gauges are not exactly this. */
  counted(expected: Readonly<Record<string, number>>): void;
  /** Ends all connections, and fails where anything is left or something broke. */
  settle(): Promise<void>;
}

/** A data plane with one listener and {@link watchedLog} on it. */
export async function watchedProxy(
  test: Closers,
  routes: readonly Route[],
  clusters: readonly Cluster[],
  manager: Partial<HttpConnectionManager> = {},
  options: DataPlaneOptions = {},
): Promise<WatchedProxy> {
  const log = new LogWatch();
  const bugs: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (message, fields) => void bugs.push(`${message} ${String(fields?.['error'])}`),
  };
  const { port, dataPlane } = await serveHttp(
    test,
    routes,
    clusters,
    { accessLogs: [watchedLog], ...manager },
    { logger, writeAccessLog: log.write, ...options },
  );
  return {
    port,
    dataPlane,
    log,
    stat: (name) => countOf(dataPlane, name),
    counted(expected) {
      assert.deepEqual(statsOf(dataPlane, Object.keys(expected)), expected);
    },
    async settle() {
      assert.deepEqual(await dataPlane.drain(2_000), { activeConnections: 0 });
      // Without endpoints the connections to them end as well.
      await dataPlane.update({ clusters: { set: clusters.map(withoutEndpoints) } });
      await becomes(() => busyGauges(dataPlane), []);
      assert.deepEqual(bugs, []);
    },
  };
}

function withoutEndpoints(cluster: Cluster): Cluster {
  const { loadAssignment } = cluster;
  return loadAssignment === undefined
    ? cluster
    : { ...cluster, loadAssignment: { ...loadAssignment, localities: [] } };
}

/** Waits until a value is what it must become; fails with what it is after two seconds. */
export async function becomes<T>(value: () => T, expected: T, patienceMs = 2_000): Promise<void> {
  const until = performance.now() + patienceMs;
  while (!isDeepStrictEqual(value(), expected) && performance.now() < until) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  assert.deepEqual(value(), expected);
}
