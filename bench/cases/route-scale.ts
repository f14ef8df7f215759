import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@lateen/testkit/free-port';
import type { BenchCase, BenchContext, Contender, PreparedCase } from '../case.ts';
import { fetchOnce } from '../http-check.ts';
import type { JsonObject } from '../json.ts';
import { loadFigures } from '../load-figures.ts';
import { lateen } from '../peer.ts';

import { httpListener, sidecarBootstrap, socketAddress, staticCluster } from '../sidecar-bootstrap.ts';
import { answerBytes, startUpstream } from '../upstream.ts';
import { runWrk } from '../wrk.ts';

const few = 10;
const many = 5_000;
const connections = 32;

/** How a table is filled, and the request for its entry of a number. */
interface Shape {
  readonly name: string;
  readonly virtualHosts: (count: number) => readonly JsonObject[];
  /** In Lua: the request for entry `i`, which counts from 0. */
  readonly luaRequest: string;
  readonly requestOf: (index: number) => { readonly path: string; readonly host: string };
}

const route = (match: JsonObject): JsonObject => ({ match, route: { cluster: 'upstream', timeout: '5s' } });
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);
const oneHost = (routes: readonly JsonObject[]): readonly JsonObject[] => [
  { name: 'all', domains: ['*'], routes },
];

const shapes: readonly Shape[] = [
  {
    name: 'virtual hosts',
    virtualHosts: (count) =>
      numbers(count).map((i) => ({
        name: `service-${i}`,
        domains: [`service-${i}.default.svc.cluster.local`, `service-${i}`, `service-${i}.default`],
        routes: [route({ prefix: '/' })],
      })),
    luaRequest: `wrk.format("GET", "/", { Host = "service-" .. i .. ".default.svc.cluster.local" })`,
    requestOf: (i) => ({ path: '/', host: `service-${i}.default.svc.cluster.local` }),
  },
  {
    name: 'prefixes',
    virtualHosts: (count) => oneHost(numbers(count).map((i) => route({ prefix: `/api/v1/part-${i}/` }))),
    luaRequest: `wrk.format("GET", "/api/v1/part-" .. i .. "/item")`,
    requestOf: (i) => ({ path: `/api/v1/part-${i}/item`, host: 'a.example' }),
  },
  {
    name: 'exact paths',
    virtualHosts: (count) => oneHost(numbers(count).map((i) => route({ path: `/api/v1/part-${i}` }))),
    luaRequest: `wrk.format("GET", "/api/v1/part-" .. i)`,
    requestOf: (i) => ({ path: `/api/v1/part-${i}`, host: 'a.example' }),
  },
];

/** What the choice of a route costs among few and among many; requests go over all of them. */
export const routeScale: BenchCase = {
  name: 'route-scale',
  summary: `HTTP/1.1 over ${connections} connections, requests for each of ${few} and of ${many.toLocaleString('en')} entries of a route table in turn; compared with ${few} virtual hosts`,
  figures: loadFigures.map(({ ratio, ...figure }) =>
    figure.key === 'cpuUsPerRequest' && ratio !== undefined
      ? { ...figure, ratio: `CPU of ${few} hosts` }
      : figure,
  ),
  baseline: `${few} virtual hosts`,
  prepare,
};

async function prepare(context: BenchContext): Promise<PreparedCase> {
  lateen.installed(context.proxyBundle);
  const upstream = await startUpstream(context.workDir);
  const stops = [() => upstream.stop()];
  const close = async (): Promise<void> => {
    await Promise.all(stops.map((stop) => stop()));
  };
  try {
    const contenders: Contender[] = [];
    for (const shape of shapes) {
      for (const count of [few, many]) {
        contenders.push(await startTable(shape, count, { context, upstream: upstream.port, stops }));
      }
    }
    return { contenders, missing: [], close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startTable(
  shape: Shape,
  count: number,
  around: {
    readonly context: BenchContext;
    readonly upstream: number;
    readonly stops: (() => Promise<void>)[];
  },
): Promise<Contender> {
  const name = `${count.toLocaleString('en')} ${shape.name}`;
  const dir = join(around.context.workDir, name.replaceAll(' ', '-'));
  mkdirSync(dir);
  const port = await freePort();
  const file = join(dir, 'bootstrap.json');
  writeFileSync(
    file,
    sidecarBootstrap({
      admin: await freePort(),
      clusters: [staticCluster('upstream', 'reviews', around.upstream)],
      listeners: [
        httpListener('bench', socketAddress('127.0.0.1', port), {
          route_config: { name: 'bench', virtual_hosts: shape.virtualHosts(count) },
        }),
      ],
    }),
  );
  const script = join(dir, 'requests.lua');
  writeFileSync(script, luaOf(shape, count));
  const process = lateen.start(file, { ...around.context, workDir: dir });
  around.stops.push(() => process.stop());
  await process.answersOn(port);
  for (const [index, status] of [
    [0, 200],
    [count - 1, 200],
    [count, 404],
  ] as const) {
    const { path, host } = shape.requestOf(index);
    const answer = await fetchOnce(port, path, { Host: host });
    if (answer.status !== status || (status === 200 && answer.bodyBytes !== answerBytes)) {
      throw new Error(`${name}: entry ${index} is answered by ${answer.status}, not ${status}`);
    }
  }
  return {
    name,
    version: '',
    async measure(seconds) {
      const cpuBefore = process.cpuSeconds();
      const url = `http://127.0.0.1:${port}/`;
      const result = await runWrk({ url, headers: {}, connections, script }, seconds);
      const cpuSeconds = process.cpuSeconds() - cpuBefore;
      return {
        errors: result.errors,
        figures: {
          requestsPerSecond: result.requestsPerSecond,
          p50Ms: result.p50Ms,
          p99Ms: result.p99Ms,
          cpuUsPerRequest: (cpuSeconds * 1e6) / Math.max(1, result.requests),
          anonymousMb: process.anonymousMb(),
        },
      };
    },
  };
}

/** All requests are written before the run; a stride that shares no factor with the number visits each. */
function luaOf(shape: Shape, count: number): string {
  return `local requests = {}
local at = 0
init = function(args)
  for i = 0, ${count - 1} do requests[i] = ${shape.luaRequest} end
end
request = function()
  at = (at + 7) % ${count}
  return requests[at]
end
`;
}
