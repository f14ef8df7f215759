import process from 'node:process';
import { LateenError, lineLogger, lineWriter, systemClock, type LogLevel } from '@lateen/core';
import { parseCommandLine, type DiscoveryOptions } from './command-line.ts';
import { controlEnvironment } from './env.ts';

/** How long open calls may take to end when the control plane is told to stop. */
const drainMs = 2000;

async function clientFor(options: DiscoveryOptions) {
  const { httpClient, inClusterConfig, kubeconfigClient } = await import('@lateen/kube');
  const userAgent = 'lateen-control';
  const own = options.kubeconfig === undefined ? inClusterConfig() : undefined;
  return own === undefined
    ? kubeconfigClient(options.kubeconfig, options.context, { userAgent })
    : httpClient({ ...own, userAgent });
}

async function discover(options: DiscoveryOptions): Promise<void> {
  let level: LogLevel = options.logLevel;
  const logger = lineLogger({ write: lineWriter(process.stdout), level: () => level });
  const stopped = new Promise<NodeJS.Signals>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
  const client = await clientFor(options);
  const { startControlPlane } = await import('./control-plane.ts');
  const controlPlane = await startControlPlane({
    client,
    env: controlEnvironment(),
    discovery: options,
    trustDomain: 'cluster.local',
    clock: systemClock,
    logger,
  });
  logger.info('stopping', { signal: await stopped });
  level = 'warn';
  await controlPlane.close(drainMs);
  client.close();
}

try {
  const parsed = parseCommandLine(process.argv.slice(2));
  if (parsed.command === 'print') process.stdout.write(parsed.text);
  else await discover(parsed.options);
  process.exit(0);
} catch (error) {
  const known = error instanceof LateenError;
  process.stderr.write(
    `Error: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  );
  if (known && error.hint !== undefined) process.stderr.write(`${error.hint}\n`);
  process.exit(1);
}
