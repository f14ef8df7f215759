import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '@lateen/core';
import { freePort } from '@lateen/testkit/free-port';
import type { BenchCase, BenchContext, Contender, Figure, PreparedCase } from '../case.ts';
import { fetchOnce } from '../http-check.ts';
import { envoy, haproxy, lateen, lateenCached, notInstalled, type Peer } from '../peer.ts';
import { type PinnedProcess } from '../pinned-process.ts';
import { httpListener, sidecarBootstrap, socketAddress, staticCluster } from '../sidecar-bootstrap.ts';
import { answerBytes, startUpstream } from '../upstream.ts';

const count = 100;

const figures: readonly Figure[] = [
  { key: 'cpuMs', title: 'CPU ms', digits: 0, ratio: 'our CPU' },
  { key: 'wallMs', title: 'wall ms', digits: 0, ratio: 'our time' },
];

/** From the start of the process until it is ready and all listeners accept. */
export const start: BenchCase = {
  name: 'start',
  summary: `from nothing to ready with ${count} clusters and ${count} listeners of HTTP`,
  figures,
  // The first start leaves the compiled code for those that follow.
  prepare,
};

async function prepare(context: BenchContext): Promise<PreparedCase> {
  const upstream = await startUpstream(context.workDir);
  const writers = [
    [lateen, writeBootstrap],
    [lateenCached, writeBootstrap],
    [haproxy, writeHaproxy],
    [envoy, writeBootstrap],
  ] as const;
  const missing: string[] = [];
  const contenders: Contender[] = [];
  for (const [peer, write] of writers) {
    if (!peer.installed(context.proxyBundle)) {
      missing.push(notInstalled(peer));
      continue;
    }
    const place: Place = { port: await freePort(), admin: await freePort(), upstream: upstream.port };
    const file = write(context.workDir, place);
    contenders.push({
      name: peer.name,
      version: peer.version(),
      measure: () => measureStart(peer, file, place, context),
    });
  }
  return { contenders, missing, close: () => upstream.stop() };
}

interface Place {
  /** Of every listener, each at an address of its own. */
  readonly port: number;
  readonly admin: number;
  readonly upstream: number;
}

const addressOf = (index: number): string => `127.0.1.${index + 1}`;

async function measureStart(peer: Peer, file: string, place: Place, context: BenchContext) {
  const startedMs = performance.now();
  const process = peer.start(file, context);
  try {
    await isReady(peer === haproxy ? undefined : place.admin, process, place);
    const wallMs = performance.now() - startedMs;
    const cpuMs = process.cpuSeconds() * 1000;
    // Ready must mean ready: the last listener passes a request on.
    const answer = await fetchOnce(place.port, '/', {}, addressOf(count - 1));
    const errors = answer.status === 200 && answer.bodyBytes === answerBytes ? 0 : 1;
    return { errors, figures: { cpuMs, wallMs } };
  } finally {
    await process.stop();
  }
}

/** Asks `/ready`, or for an answer of the last listener where there is no such port. */
async function isReady(admin: number | undefined, process: PinnedProcess, place: Place): Promise<void> {
  for (;;) {
    if (process.ended) throw new Error(`it ended:\n${process.output}`);
    const ready = await (admin === undefined
      ? fetchOnce(place.port, '/', {}, addressOf(count - 1))
      : fetchOnce(admin, '/ready', {})
    ).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (ready) return;
    await sleep(2);
  }
}

function writeBootstrap(workDir: string, { port, admin, upstream }: Place): string {
  const file = join(workDir, `start-${admin}.json`);
  const all = Array.from({ length: count }, (_, i) => i);
  writeFileSync(
    file,
    sidecarBootstrap({
      admin,
      clusters: all.map((i) => staticCluster(`cluster-${i}`, `service-${i}`, upstream)),
      listeners: all.map((i) =>
        httpListener(`listener-${i}`, socketAddress(addressOf(i), port), {
          route_config: {
            name: `routes-${i}`,
            virtual_hosts: [
              {
                name: 'all',
                domains: ['*'],
                routes: [{ match: { prefix: '/' }, route: { cluster: `cluster-${i}`, timeout: '5s' } }],
              },
            ],
          },
        }),
      ),
    }),
  );
  return file;
}

function writeHaproxy(workDir: string, { port, upstream }: Place): string {
  const file = join(workDir, 'start-haproxy.cfg');
  const parts = Array.from(
    { length: count },
    (_, i) => `frontend listener-${i}
    bind ${addressOf(i)}:${port}
    default_backend cluster-${i}
backend cluster-${i}
    server one 127.0.0.1:${upstream}
`,
  );
  const head = `global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 5s
`;
  writeFileSync(file, head + parts.join(''));
  return file;
}
