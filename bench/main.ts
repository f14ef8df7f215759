// `npm run bench` runs every case, `npm run bench -- http1-one-hop` one. See docs/performance.md.
import { availableParallelism, cpus } from 'node:os';
import { resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { LateenError, messageOf } from '@lateen/core';
import type { BenchCase } from './case.ts';
import { grpcUnary } from './cases/grpc-unary.ts';
import { h2OneHop } from './cases/h2-one-hop.ts';
import { http1OneHop } from './cases/http1-one-hop.ts';
import { idleConnections } from './cases/idle-connections.ts';
import { latencyPair } from './cases/latency-pair.ts';
import { memory } from './cases/memory.ts';
import { mtlsPair } from './cases/mtls-pair.ts';
import { routeScale } from './cases/route-scale.ts';
import { routeChange, routeSwap } from './cases/route-swap.ts';
import { start } from './cases/start.ts';
import { tcpThroughput } from './cases/tcp-throughput.ts';
import { tcpConnect, tcpOneHop } from './cases/tcp.ts';
import { endProcesses, isInstalled, leaveContendersCore } from './pinned-process.ts';
import { renderResult } from './report.ts';
import { runCase, type CaseResult } from './run-case.ts';

const cases: readonly BenchCase[] = [
  http1OneHop,
  h2OneHop,
  grpcUnary,
  mtlsPair,
  latencyPair,
  tcpOneHop,
  tcpConnect,
  tcpThroughput,
  start,
  routeScale,
  routeSwap,
  routeChange,
  memory,
  idleConnections,
];

const usage = `usage: npm run bench -- [CASE...] [--rounds 3] [--seconds 4] [--proxy dist/lateen-proxy.mjs] [-o json]

cases:
${cases.map((bench) => `  ${bench.name}  ${bench.summary}`).join('\n')}
`;

async function run(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '4' },
      proxy: { type: 'string', default: fileURLToPath(new URL('../dist/lateen-proxy.mjs', import.meta.url)) },
      output: { type: 'string', short: 'o', default: 'table' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    console.log(usage);
    return 0;
  }
  const rounds = Number(values.rounds);
  const seconds = Number(values.seconds);
  const unknown = positionals.filter((name) => !cases.some((bench) => bench.name === name));
  if (unknown.length > 0 || !(rounds >= 1) || !(seconds >= 1)) {
    console.error(unknown.length > 0 ? `no case ${unknown.join(', ')}\n\n${usage}` : usage);
    return 2;
  }
  for (const tool of ['wrk', 'taskset']) {
    if (isInstalled(tool)) continue;
    console.error(`${tool} is not installed: apt-get install wrk util-linux`);
    return 1;
  }
  if (availableParallelism() < 2) console.error('WARNING: one core only; load and contender share it');
  else leaveContendersCore();
  const results: CaseResult[] = [];
  for (const bench of cases) {
    if (positionals.length > 0 && !positionals.includes(bench.name)) continue;
    results.push(
      await runCase(bench, {
        proxyBundle: resolve(values.proxy),
        rounds,
        seconds,
        progress: (line) => console.error(line),
      }),
    );
  }
  const machine = `${new Date().toISOString().slice(0, 10)}, ${cpus()[0]?.model.trim() ?? 'unknown processor'}, Node ${process.version}`;
  if (values.output === 'json')
    console.log(JSON.stringify({ machine, rounds, seconds, results }, undefined, 2));
  else console.log(`\n${results.map(renderResult).join('\n\n')}\n\n${machine}`);
  // A table without all contenders is not the comparison that was asked for.
  return results.some((result) => result.missing.length > 0) ? 1 : 0;
}

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.on(signal, () => void endProcesses().finally(() => process.exit(status)));
}
try {
  process.exitCode = await run();
} catch (error) {
  const hint = error instanceof LateenError && error.hint !== undefined ? `: ${error.hint}` : '';
  console.error(`bench: ${messageOf(error)}${hint}`);
  process.exitCode = 1;
}
