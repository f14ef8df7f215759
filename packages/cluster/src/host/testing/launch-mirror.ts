// Launches the mirror cluster and stays, for tests that end the launching process or run as another user.
import { fileURLToPath } from 'node:url';
import process from 'node:process';
import type { LateenError } from '@lateen/core';
import { launchCluster } from '../launch.ts';

const handle = await launchCluster({
  dataDir: process.argv[2] ?? '',
  program: fileURLToPath(new URL('mirror-cluster.ts', import.meta.url)),
  installationDir: '/',
});
handle.ready.then(
  ({ apiServerUrl }) => process.stdout.write(`${apiServerUrl}\n`),
  ({ code, message, hint }: LateenError) =>
    process.stdout.write(`${JSON.stringify({ code, message, hint })}\n`),
);
await handle.exited;
