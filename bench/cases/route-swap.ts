import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '@lateen/core';
import { freePort } from '@lateen/testkit/free-port';
import type { BenchCase, BenchContext, Contender, Figure, PreparedCase } from '../case.ts';
import { latenciesOf, sendAtConstantRate, type Sent } from '../constant-rate/run.ts';
import { fetchOnce } from '../http-check.ts';
import type { JsonObject } from '../json.ts';
import { lateen } from '../peer.ts';
import { encodeTable, startRouteServer, type EncodedTable, type RouteServer } from '../route-server.ts';
import { type PinnedProcess } from '../pinned-process.ts';
import {
  http2Options,
  httpListener,
  sidecarBootstrap,
  socketAddress,
  staticCluster,
} from '../sidecar-bootstrap.ts';
import { answerBytes, startUpstream } from '../upstream.ts';

const hosts = 500;
const routesEach = 10;
const ratePerSecond = 1000;
const connections = 4;
/** From the start of the load to the swap, and the time after a swap that counts as during it. */
const beforeMs = 2_000;
const duringMs = 1_000;

const figures: readonly Figure[] = [
  { key: 'beforeP99Ms', title: 'p99 ms before', digits: 3 },
  { key: 'duringP99Ms', title: 'p99 ms during', digits: 3 },
  { key: 'growth', title: 'during/before', digits: 2 },
  { key: 'longestMs', title: 'longest ms during', digits: 2 },
  { key: 'swapMs', title: 'until in force ms', digits: 0 },
  { key: 'cpuMs', title: 'CPU ms of the swap', digits: 0 },
];

/** A table of routes is replaced by another while requests go through it. */
export const routeSwap: BenchCase = {
  name: 'route-swap',
  summary: `${(hosts * routesEach).toLocaleString('en')} routes (${hosts} virtual hosts) replaced by ADS at ${ratePerSecond} requests/s; "during" is the second that begins with the swap`,
  figures,
  prepare: (context) => prepare(context, () => true),
};

/** The same where a control plane sends the whole table and one virtual host of it has changed. */
export const routeChange: BenchCase = {
  name: 'route-change',
  summary: `the same with one virtual host of the ${hosts} changed, the one that requests ask for`,
  figures,
  prepare: (context) => prepare(context, (index) => index === askedHost),
};

/** Which virtual hosts a new version changes. */
type Changes = (host: number) => boolean;

async function prepare(context: BenchContext, changes: Changes): Promise<PreparedCase> {
  lateen.installed(context.proxyBundle);
  const upstream = await startUpstream(context.workDir);
  const stops: (() => Promise<void>)[] = [() => upstream.stop()];
  const close = async (): Promise<void> => {
    await Promise.all(stops.map((stop) => stop()));
  };
  try {
    const control = await startRouteServer(tableOf(0, changes));
    stops.push(() => control.close());
    const port = await freePort();
    const file = join(context.workDir, 'bootstrap.json');
    writeFileSync(
      file,
      sidecarBootstrap({
        admin: await freePort(),
        ads: 'control',
        clusters: [
          { ...staticCluster('control', 'istiod', control.port), ...http2Options },
          staticCluster('upstream', 'reviews', upstream.port),
        ],
        listeners: [
          httpListener('bench', socketAddress('127.0.0.1', port), {
            rds: { route_config_name: 'bench', config_source: { ads: {}, resource_api_version: 'V3' } },
          }),
        ],
      }),
    );
    const process = lateen.start(file, context);
    stops.push(() => process.stop());
    await process.answersOn(port);
    const answer = await fetchOnce(port, path, { Host: host });
    if (answer.status !== 200 || answer.bodyBytes !== answerBytes)
      throw new Error(`answers ${answer.status}`);
    return { contenders: [contender(process, port, control, changes)], missing: [], close };
  } catch (error) {
    await close();
    throw error;
  }
}

const askedHost = hosts / 2;
const host = `service-${askedHost}.example`;
const path = `/part-${routesEach - 1}/item`;

function contender(process: PinnedProcess, port: number, control: RouteServer, changes: Changes): Contender {
  let version = 0;
  return {
    name: lateen.name,
    version: lateen.version(),
    async measure() {
      version += 1;
      const table = tableOf(version, changes);
      const sending = sendAtConstantRate({
        port,
        ratePerSecond,
        seconds: (beforeMs + duringMs) / 1000 + 1,
        connections,
        request: `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n\r\n`,
        markHeader: 'x-table',
      });
      // The load begins when its process is up.
      await sleep(beforeMs + 500);
      const cpuBefore = process.cpuSeconds();
      const swappedAt = Date.now();
      await Promise.all([control.push(table), sleep(duringMs)]);
      const cpuDuring = process.cpuSeconds() - cpuBefore;
      await sleep(duringMs / 2);
      const cpuAfter = process.cpuSeconds() - cpuBefore - cpuDuring;
      return evaluate(await sending, swappedAt, version, cpuDuring - 2 * cpuAfter);
    },
  };
}

function evaluate(sent: readonly Sent[], swappedAt: number, version: number, cpuSeconds: number) {
  const before = latenciesOf(sent.filter(([dueMs]) => dueMs < swappedAt - 50));
  const during = latenciesOf(sent.filter(([dueMs]) => dueMs >= swappedAt && dueMs < swappedAt + duringMs));
  const first = sent.find(([, , , mark]) => mark === String(version));
  if (first === undefined) throw new Error(`table ${version} did not come into force`);
  const strangers = sent.filter(([, , , mark]) => mark !== String(version) && mark !== String(version - 1));
  return {
    errors: latenciesOf(sent).errors + strangers.length,
    figures: {
      beforeP99Ms: before.p99Ms,
      duringP99Ms: during.p99Ms,
      growth: during.p99Ms / before.p99Ms,
      longestMs: during.longestMs,
      swapMs: first[0] + first[1] - swappedAt,
      cpuMs: cpuSeconds * 1000,
    },
  };
}

function tableOf(version: number, changes: Changes): EncodedTable {
  const virtualHosts = Array.from(
    { length: hosts },
    (_, i): JsonObject => ({
      name: `service-${i}`,
      domains: [`service-${i}.example`],
      routes: Array.from({ length: routesEach }, (__, r) => ({
        match: { prefix: `/part-${r}/` },
        route: { cluster: 'upstream', timeout: '5s' },
        response_headers_to_add: [
          {
            header: { key: 'x-table', value: String(changes(i) ? version : 0) },
            append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
          },
        ],
      })),
    }),
  );
  return encodeTable(String(version), { name: 'bench', virtual_hosts: virtualHosts });
}
