import { readFileSync } from 'node:fs';
import { LateenError, formatProblem } from '@lateen/core';
import { helpLines } from '../command-line/options.ts';
import type { EnvSource } from '../env.ts';
import { applyRedirect, describeRedirect } from './apply.ts';
import { optionSpecs, parseRedirectOptions } from './options.ts';

const usage = `istio-iptables -p PORT -u UID -g GID [-m mode] [-b ports] [-d ports] [-i CIDR] [-x CIDR] [-h]

Sends the TCP traffic of this network namespace to the proxy. Applying twice is the same as applying once.

${helpLines(optionSpecs)}

Options that are not given come from the environment, or from the file that $ISTIO_SIDECAR_CONFIG names
(default /var/lib/istio/envoy/sidecar.env) as lines NAME=VALUE.

Examples:
  istio-iptables -p 15001 -z 15006 -u 1337 -m REDIRECT -i '*' -x '' -b '*' -d 15090,15021,15020
  istio-iptables -p 15001 -u 1337 -b 9080 -i 10.96.0.0/16 --dry-run
  istio-iptables --cleanup-only
`;

/** The program `istio-iptables`; resolves to its exit code. */
export async function runIptables(
  args: readonly string[],
  env: EnvSource,
  write: (text: string) => void,
): Promise<number> {
  const parsed = parseRedirectOptions(args, { ...sidecarFile(env), ...env }, uidOfUser);
  if (!parsed.ok) {
    const list = parsed.problems.map(formatProblem).join('; ');
    throw new LateenError('EUSAGE', `istio-iptables: ${list}`, {
      hint: 'istio-iptables -h lists the options',
    });
  }
  const options = parsed.value;
  if (options.help) write(usage);
  else if (options.dryRun) write(describeRedirect(options));
  else await applyRedirect(options);
  return 0;
}

function sidecarFile(env: EnvSource): EnvSource {
  const text = readIfThere(env['ISTIO_SIDECAR_CONFIG'] ?? '/var/lib/istio/envoy/sidecar.env');
  const values: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const match = /^\s*(?:export\s+)?(\w+)=(.*?)\s*$/.exec(line);
    if (match?.[1] !== undefined) values[match[1]] = (match[2] ?? '').replace(/^(["'])(.*)\1$/, '$2');
  }
  return values;
}

function uidOfUser(name: string): number | undefined {
  for (const line of readIfThere('/etc/passwd').split('\n')) {
    const [user, , uid] = line.split(':');
    if (user === name && uid !== undefined) return Number(uid);
  }
  return undefined;
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
