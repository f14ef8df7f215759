import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { shell, tryShell, type ShellOptions, type ShellResult } from './shell.ts';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const lateen = join(root, 'node_modules/.bin/lateen');

/** Where the real kubectl is; undefined where the machine has none. */
export const kubectlPath = (process.env['PATH'] ?? '')
  .split(':')
  .map((folder) => join(folder, 'kubectl'))
  .find((file) => existsSync(file));

/** A local cluster of a test's own, with a shell in which kubectl and istioctl talk to it. */
export interface TestCluster {
  readonly dataDir: string;
  /** Runs a script in the folder of the repository; it must succeed. */
  sh(script: string, options?: ShellOptions): Promise<string>;
  trySh(script: string, options?: ShellOptions): Promise<ShellResult>;
  up(args: string): Promise<string>;
  /** Stops the cluster; the data directory stays. */
  down(): Promise<void>;
  /** Stops it and removes all it kept. */
  remove(): Promise<void>;
}

/** A cluster that is not yet up. */
export async function newCluster(): Promise<TestCluster> {
  const dataDir = mkdtempSync(join(tmpdir(), 'lateen-e2e-'));
  const bin = join(dataDir, 'bin');
  await mkdir(bin);
  await symlink(lateen, join(bin, 'lateen'));
  await symlink(lateen, join(bin, 'istioctl'));
  if (kubectlPath === undefined) {
    process.stderr.write(
      'e2e: THERE IS NO kubectl ON PATH: `lateen` stands in for it, and what it cannot do is skipped\n',
    );
    await symlink(lateen, join(bin, 'kubectl'));
  }
  const env = {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    KUBECONFIG: join(dataDir, 'kubeconfig'),
    LATEEN_DATA_DIR: dataDir,
    HOME: dataDir,
  };
  const within = (options: ShellOptions = {}): ShellOptions => ({
    cwd: root,
    ...options,
    env: { ...env, ...options.env },
  });
  const cluster: TestCluster = {
    dataDir,
    sh: (script, options) => shell(script, within(options)),
    trySh: (script, options) => tryShell(script, within(options)),
    up: (args) => cluster.sh(`lateen up --detach ${args}`),
    async down() {
      await cluster.sh('lateen down');
    },
    async remove() {
      const { code, stderr } = await cluster.trySh('lateen down');
      rmSync(dataDir, { recursive: true, force: true });
      if (code !== 0) throw new Error(`lateen down failed: ${stderr}`);
    },
  };
  return cluster;
}

/** A cluster that is up. */
export async function startCluster(args: string): Promise<TestCluster> {
  const cluster = await newCluster();
  try {
    await cluster.up(args);
  } catch (error) {
    const { stdout } = await cluster.trySh(`tail -n 40 ${cluster.dataDir}/cluster.log`);
    await cluster.remove();
    throw new Error(`the cluster did not start; its log ends with:\n${stdout}`, { cause: error });
  }
  return cluster;
}
