import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { LateenError } from '@lateen/core';
import { contenderCore, isInstalled, PinnedProcess, versionOf } from './pinned-process.ts';

const proxyBundle = fileURLToPath(new URL('../dist/lateen-proxy.mjs', import.meta.url));

/** A program that can take part, started with one configuration file. */
export interface Peer {
  readonly name: string;
  /** True where the program is there. */
  readonly installed: () => boolean;
  readonly version: () => string;
  /** Starts it on the contenders' core. */
  readonly start: (configFile: string, workDir: string) => PinnedProcess;
}

/** Our proxy, by its bundle and with Envoy's option. */
export const lateen: Peer = {
  name: 'lateen',
  installed() {
    if (existsSync(proxyBundle)) return true;
    throw new LateenError('ENOBUILD', 'dist/lateen-proxy.mjs is not there', { hint: 'npm run build' });
  },
  version: () => `Node ${process.versions.node}`,
  start: (file) => new PinnedProcess(contenderCore, process.execPath, [proxyBundle, '-c', file]),
};

export const haproxy: Peer = {
  name: 'haproxy',
  installed: () => isInstalled('haproxy'),
  version: () => versionOf('haproxy', '-v'),
  start: (file) => new PinnedProcess(contenderCore, 'haproxy', ['-db', '-f', file]),
};

export const nginx: Peer = {
  name: 'nginx',
  installed: () => isInstalled('nginx'),
  version: () => versionOf('nginx', '-v'),
  start: (file, workDir) =>
    new PinnedProcess(contenderCore, 'nginx', ['-c', file, '-p', workDir, '-e', join(workDir, 'error.log')]),
};

export const caddy: Peer = {
  name: 'caddy',
  installed: () => isInstalled('caddy'),
  version: () => versionOf('caddy', 'version'),
  start: (file, workDir) =>
    new PinnedProcess(contenderCore, 'caddy', ['run', '--adapter', 'caddyfile', '--config', file], {
      GOMAXPROCS: '1',
      HOME: workDir,
      XDG_DATA_HOME: workDir,
      XDG_CONFIG_HOME: workDir,
    }),
};
