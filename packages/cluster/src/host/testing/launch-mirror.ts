// Launches the mirror cluster and stays, for tests that end the launching process or run as another user.
import { fileURLToPath } from 'node:url';
import process from 'node:process';
import { launchCluster } from '../launch.ts';

const handle = await launchCluster({
  dataDir: process.argv[2] ?? '',
  program: fileURLToPath(new URL('mirror-cluster.ts', import.meta.url)),
  installationDir: '/',
});
const { apiServerUrl } = await handle.ready;
process.stdout.write(`${apiServerUrl}\n`);
await handle.exited;
