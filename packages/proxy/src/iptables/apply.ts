import { spawn } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { LateenError, codeOf, messageOf } from '@lateen/core';
import type { RedirectOptions } from './options.ts';
import { redirectRules, restoreInput } from './rules.ts';

/** The outcome of a program that ran to its end. */
interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Puts the rules into the network namespace of this process: one `iptables-restore` call, and one of
 * `ip6tables-restore` where the pod has an IPv6 address beyond the loopback and its links.
 *
 * Throws a LateenError that says what is missing where iptables cannot do it.
 */
export async function applyRedirect(options: RedirectOptions): Promise<void> {
  const versions: (4 | 6)[] = hasIpv6() ? [4, 6] : [4];
  for (const version of versions) {
    const prefix = version === 4 ? 'iptables' : 'ip6tables';
    const saved = await run(`${prefix}-save`, [], '');
    const input = restoreInput(options.cleanupOnly ? [] : redirectRules(options, version), saved.stdout);
    if (input === '') continue;
    const restored = await run(`${prefix}-restore`, ['--noflush', '--wait', '30'], input);
    if (restored.code !== 0) throw refused(prefix, restored.stderr, input);
    if (options.mode === 'TPROXY' && !options.cleanupOnly) await routeMarkedPackets(options, version);
  }
}

/** What `--dry-run` prints: the input of `iptables-restore`, for each family the pod has. */
export function describeRedirect(options: RedirectOptions): string {
  const text = restoreInput(redirectRules(options, 4), '');
  return hasIpv6() ? `${text}# IPv6\n${restoreInput(redirectRules(options, 6), '')}` : text;
}

/** Packets with the mark of the transparent proxy are delivered to this machine whatever their destination. */
async function routeMarkedPackets(options: RedirectOptions, version: 4 | 6): Promise<void> {
  const mark = String(options.tproxyMark);
  const table = String(options.tproxyTable);
  const family = `-${version}`;
  const rules = await run('ip', [family, 'rule', 'show', 'fwmark', mark], '');
  if (rules.stdout.trim() === '') {
    const added = await run('ip', [family, 'rule', 'add', 'fwmark', mark, 'lookup', table], '');
    if (added.code !== 0) throw new LateenError('EIPTABLES', `ip rule add: ${added.stderr.trim()}`);
  }
  const anywhere = version === 4 ? '0.0.0.0/0' : '::/0';
  const routed = await run(
    'ip',
    [family, 'route', 'replace', 'local', anywhere, 'dev', 'lo', 'table', table],
    '',
  );
  if (routed.code !== 0) throw new LateenError('EIPTABLES', `ip route replace: ${routed.stderr.trim()}`);
}

function refused(prefix: string, stderr: string, input: string): LateenError {
  const line = /line:?\s+(\d+)/.exec(stderr)?.[1];
  const rule = line === undefined ? undefined : input.split('\n')[Number(line) - 1];
  const where = rule === undefined || rule === 'COMMIT' ? '' : ` (at "${rule}")`;
  const denied = /permission denied|not permitted|must be root/i.test(stderr);
  return new LateenError('EIPTABLES', `${prefix}-restore refused the rules${where}: ${stderr.trim()}`, {
    hint: denied
      ? 'run it as root of the network namespace: an init container needs NET_ADMIN and NET_RAW'
      : 'check that the kernel has the nat table and the owner and REDIRECT matches (modules xt_owner, xt_REDIRECT)',
  });
}

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some((a) => a.family === 'IPv6' && !a.internal && !/^fe[89ab]/i.test(a.address)),
  );
}

function run(program: string, args: readonly string[], input: string): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    child.on('error', (error) => {
      const missing = codeOf(error) === 'ENOENT';
      reject(
        new LateenError(
          'EIPTABLES',
          missing ? `${program} is not installed` : `${program} did not start: ${messageOf(error)}`,
          { hint: 'install iptables and iproute2: apt-get install iptables iproute2', cause: error },
        ),
      );
    });
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    // A program that exits before it has read its input is reported by its exit code.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
