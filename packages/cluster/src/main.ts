import { readFileSync } from 'node:fs';
import process from 'node:process';
import {
  codeOf,
  LateenError,
  lineLogger,
  lineWriter,
  messageOf,
  sleep,
  systemClock,
  type LogLevel,
} from '@lateen/core';
import { startCluster, type Cluster } from './cluster.ts';
import { clusterEnvironment } from './env.ts';
import { hostLink } from './host/host-link.ts';
import type { ClusterOptions } from './host/messages.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as ClusterOptions;
const link = hostLink(process);
const logger = lineLogger({
  level: options.logLevel as LogLevel,
  write: lineWriter(process.stderr),
});

// Without its host process a cluster has nobody to answer for it: the kernel ends the rest with this process.
link.onLost(() => process.exit(0));

process.on('uncaughtException', (error) => {
  logger.error('uncaught', { error: error.stack ?? error.message });
});
process.on('unhandledRejection', (error) => {
  logger.error('unhandled', { error: error instanceof Error ? error.stack : String(error) });
});

/** True where the ids of this process are not the host's. */
function inUserNamespace(): boolean {
  return !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8').trimEnd());
}

let cluster: Cluster | undefined;

link.onShutdown((graceMs) => {
  const orderly = cluster?.close(graceMs) ?? Promise.resolve();
  Promise.race([orderly, sleep(graceMs + 500)])
    .catch((error: unknown) => logger.error('the end was not orderly', { error: messageOf(error) }))
    .finally(() => process.exit(0));
});

try {
  cluster = await startCluster(options, {
    link,
    clock: systemClock,
    logger,
    path: clusterEnvironment().path,
    rootless: inUserNamespace(),
  });
  link.ready(cluster.facts);
} catch (error) {
  logger.error('the cluster did not start', {
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  const hint = error instanceof LateenError ? error.hint : undefined;
  await link.failed({
    code: codeOf(error) ?? 'cluster.failed',
    message: messageOf(error),
    ...(hint === undefined ? {} : { hint }),
  });
  process.exit(1);
}
