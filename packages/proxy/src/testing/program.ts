import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../main.ts', import.meta.url));
export const types = 'type.googleapis.com/envoy';

export type Program = ChildProcess & { log: string };

/**
 * Starts the program with these arguments; it is killed at the end of the test where it is still there. `stdout`: where
 * standard output goes; default: nowhere.
 */
export function startProgram(
  t: TestContext,
  args: readonly string[],
  stdout: 'ignore' | 'pipe' = 'ignore',
): Program {
  const child = Object.assign(
    spawn(process.execPath, [program, ...args], { stdio: ['ignore', stdout, 'pipe'] }),
    { log: '' },
  );
  child.setMaxListeners(0);
  child.stderr
    ?.setMaxListeners(0)
    .setEncoding('utf8')
    .on('data', (chunk: string) => (child.log += chunk));
  t.after(() => child.kill('SIGKILL'));
  return child;
}

/** Starts the program with this bootstrap, without hot restart. */
export function start(t: TestContext, bootstrap: object, ...args: readonly string[]): Program {
  return startProgram(t, ['-c', bootstrapFile(t, bootstrap), '--disable-hot-restart', ...args]);
}

/** A file with this bootstrap, as long as the test lasts. */
export function bootstrapFile(t: TestContext, bootstrap: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-program-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'bootstrap.json');
  writeFileSync(file, JSON.stringify(bootstrap));
  return file;
}

/** Waits until the log has said this so often; what the last time said after it. */
export async function logged(child: Program, pattern: RegExp, times = 1): Promise<string> {
  for (;;) {
    const found = [...child.log.matchAll(new RegExp(pattern, 'g'))];
    if (found.length >= times) return found.at(-1)?.[1] ?? '';
    if (child.exitCode !== null) throw new Error(`the program ended: ${child.log}`);
    await Promise.race([once(child.stderr as NodeJS.EventEmitter, 'data'), once(child, 'exit')]);
  }
}

export function ask(url: string, method = 'GET'): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

export async function statistic(admin: string, name: string): Promise<number> {
  const { body } = await ask(`http://${admin}/stats?filter=^${name.replaceAll('.', '\\.')}$`);
  return Number(/: (\d+)/.exec(body)?.[1] ?? Number.NaN);
}

export const socketAddress = (port: number, address = '127.0.0.1') => ({
  socket_address: { address, port_value: port },
});
export const endpointsAt = (name: string, port: number) => ({
  cluster_name: name,
  endpoints: [{ lb_endpoints: [{ endpoint: { address: socketAddress(port) } }] }],
});
export const httpChain = (
  routes: object,
  httpFilters: readonly object[] = [],
  networkFilters: readonly object[] = [],
) => ({
  filters: [
    ...networkFilters,
    {
      name: 'hcm',
      typed_config: {
        '@type': `${types}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
        stat_prefix: 'main',
        ...routes,
        http_filters: [
          ...httpFilters,
          { name: 'router', typed_config: { '@type': `${types}.extensions.filters.http.router.v3.Router` } },
        ],
      },
    },
  ],
});
export const admin = { address: socketAddress(0) };

/** Asks by so many connections of their own at once. */
export const askOften = (url: string, times: number) =>
  Promise.all(Array.from({ length: times }, () => ask(url)));
