// Makes a fresh clone ready: packages, generated messages, bundles, and the system's tools.
// Needs only Node 20 and npm; does nothing where nothing is to be done.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const isRoot = process.getuid?.() === 0;

/** The Node that Lateen runs on: the one its packages bring, else the one that runs this script. */
export function lateenNode() {
  const own = join(root, 'node_modules/.bin/node');
  return existsSync(own) ? own : process.execPath;
}

function step(name, run) {
  const started = Date.now();
  process.stdout.write(`setup: ${name}\n`);
  run();
  process.stdout.write(`setup: ${name}: done in ${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options });
  if (result.status === 0) return;
  const why = result.error ? result.error.message : `exit code ${result.status}`;
  throw new Error(`${command} ${args.join(' ')} failed: ${why}`);
}

function onPath(program) {
  const folders = `${process.env.PATH ?? ''}:/usr/sbin:/sbin:/usr/local/sbin`.split(':');
  return folders.some((folder) => folder !== '' && existsSync(join(folder, program)));
}

function installPackages() {
  const lock = readFileSync(join(root, 'package-lock.json'));
  const digest = createHash('sha256').update(lock).digest('hex');
  const stamp = join(root, 'node_modules/.lateen-lock');
  const installed = join(root, 'node_modules/.package-lock.json');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  const current =
    !existsSync(stamp) &&
    existsSync(installed) &&
    statSync(installed).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
  if (!current) {
    step('installing npm packages (npm ci)', () =>
      run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']),
    );
  }
  writeFileSync(stamp, digest);
}

/** Tools of the machine, each with the Debian package that brings it. */
const runTools = [
  ['iptables-restore', 'iptables'],
  ['unshare', 'util-linux'],
  ['curl', 'curl'],
  ...(isRoot ? [] : [['newuidmap', 'uidmap']]),
];
const testTools = [
  ...runTools,
  ['ip', 'iproute2'],
  ['redis-server', 'redis-server'],
  ['newuidmap', 'uidmap'],
  ['chromium', 'chromium'],
];

function installTools(tools, optional) {
  const packages = [...new Set(tools.filter(([program]) => !onPath(program)).map(([, name]) => name))];
  if (packages.length === 0) return;
  const line = `apt-get install -y --no-install-recommends ${packages.join(' ')}`;
  if (!isRoot || !onPath('apt-get')) {
    const text = `these tools are missing: ${packages.join(', ')}; install them with: sudo ${line}`;
    if (!optional) throw new Error(text);
    process.stdout.write(`setup: ${text}\n`);
    return;
  }
  try {
    step(`installing system packages: ${packages.join(' ')}`, () => {
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
      const quiet = { env, stdio: ['ignore', 'ignore', 'inherit'] };
      run('apt-get', ['update', '-qq'], quiet);
      run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], quiet);
    });
  } catch (error) {
    if (!optional) throw error;
    process.stdout.write(`setup: ${error.message}; tests that need ${packages.join(', ')} will be skipped\n`);
  }
}

/** Brings the clone into the state that `purpose` needs: 'run' or 'test'. */
export function setup(purpose) {
  installPackages();
  installTools(runTools, false);
  if (purpose === 'test') installTools(testTools, true);
  for (const name of readdirSync(join(root, 'packages')).sort()) {
    const generator = `packages/${name}/build/generate.ts`;
    if (existsSync(join(root, generator))) run(lateenNode(), [generator]);
  }
  run(lateenNode(), ['scripts/build.mjs']);
}

/** Runs {@link setup}; on failure says what is wrong in one line and exits with 1. */
export function setupOrExit(purpose) {
  try {
    setup(purpose);
  } catch (error) {
    process.stderr.write(`setup: ${error.message}\n`);
    process.exit(1);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setupOrExit(process.argv.includes('--test') ? 'test' : 'run');
}
