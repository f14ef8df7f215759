import { execFile } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf, LateenError, messageOf } from '@lateen/core';
import { presentUser } from './present-user.ts';
import { subordinateRange } from './subordinate-ids.ts';

const run = promisify(execFile);

/** One thing that the machine must be able to do. */
export interface Check {
  readonly name: string;
  /** Undefined where it is fulfilled. */
  readonly failure: { readonly code: string; readonly message: string; readonly hint?: string } | undefined;
}

const packageOf: Readonly<Record<string, string>> = {
  unshare: 'util-linux',
  nsenter: 'util-linux',
  setpriv: 'util-linux',
  mount: 'mount',
  iptables: 'iptables',
  'iptables-restore': 'iptables',
  newuidmap: 'uidmap',
  newgidmap: 'uidmap',
};

/** The places where administrators' tools are, which an ordinary user's PATH may leave out. */
const systemPath = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** PATH with the administrators' directories in it. */
export function pathWithSystemTools(path: string): string {
  const present = path.split(delimiter).filter((part) => part !== '');
  return [...present, ...systemPath.filter((part) => !present.includes(part))].join(delimiter);
}

/** True where a program of this name can be run. */
export function hasProgram(name: string, path: string): boolean {
  return path.split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function setting(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** The reason why an ordinary user may not make a user namespace here, as far as the kernel's settings tell. */
function userNamespaceHint(): string {
  if (setting('/proc/sys/kernel/unprivileged_userns_clone') === '0') {
    return 'sudo sysctl -w kernel.unprivileged_userns_clone=1';
  }
  if (setting('/proc/sys/user/max_user_namespaces') === '0') {
    return 'sudo sysctl -w user.max_user_namespaces=15000';
  }
  if (setting('/proc/sys/kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return 'AppArmor forbids it: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run as root';
  }
  return 'run as root, or allow unprivileged user namespaces in the settings of the kernel or the container';
}

async function succeeds(file: string, args: readonly string[], path: string): Promise<string | undefined> {
  try {
    await run(file, [...args], { env: { PATH: path } });
    return undefined;
  } catch (error) {
    const stderr = (error as { stderr?: string }).stderr?.trim();
    return stderr === undefined || stderr === '' ? messageOf(error) : stderr;
  }
}

function toolCheck(tools: readonly string[], path: string): Check {
  const missing = tools.filter((tool) => !hasProgram(tool, path));
  if (missing.length === 0) return { name: 'tools', failure: undefined };
  const packages = [...new Set(missing.map((tool) => packageOf[tool] ?? tool))].join(' ');
  return {
    name: 'tools',
    failure: {
      code: 'host.missing-tools',
      message: `the machine lacks ${missing.join(', ')}`,
      hint: `sudo apt-get install -y ${packages}`,
    },
  };
}

/** Asks the machine for everything that a cluster needs, and explains what it lacks. Changes nothing. */
export async function preflight(path: string): Promise<readonly Check[]> {
  const asRoot = presentUser().uid === 0;
  const tools = ['unshare', 'nsenter', 'setpriv', 'mount', 'iptables', 'iptables-restore'];
  if (!asRoot) tools.push('newuidmap', 'newgidmap');
  const checks: Check[] = [];
  if (process.platform !== 'linux') {
    const message = `the local cluster needs Linux; this is ${process.platform}`;
    return [
      { name: 'system', failure: { code: 'host.not-linux', message, hint: 'run it in a Linux machine' } },
    ];
  }
  checks.push(toolCheck(tools, path));
  if (checks.some((check) => check.failure !== undefined)) return checks;
  if (!asRoot) {
    try {
      subordinateRange('/etc/subuid');
      subordinateRange('/etc/subgid');
    } catch (error) {
      const hint = error instanceof LateenError ? error.hint : undefined;
      checks.push({
        name: 'subordinate ids',
        failure: {
          code: codeOf(error) ?? 'host',
          message: messageOf(error),
          ...(hint === undefined ? {} : { hint }),
        },
      });
      return checks;
    }
  }
  const kinds = ['--mount', '--net', '--ipc', '--uts', '--pid', '--fork', '--mount-proc'];
  const user = asRoot ? [] : ['--user', '--map-root-user'];
  const complaint = await succeeds(
    'unshare',
    [
      ...user,
      ...kinds,
      'sh',
      '-c',
      'iptables -t nat -L -n >/dev/null && { ! command -v ip >/dev/null || ip link add lateen0 type bridge; }',
    ],
    path,
  );
  checks.push({
    name: 'namespaces',
    failure: complaint === undefined ? undefined : explain(complaint, asRoot),
  });
  return checks;
}

function explain(complaint: string, asRoot: boolean): NonNullable<Check['failure']> {
  if (/iptables|nf_tables|table/.test(complaint)) {
    return {
      code: 'host.no-iptables',
      message: `iptables does not work here: ${complaint}`,
      hint: 'sudo modprobe nf_tables nft_chain_nat, or choose with update-alternatives --config iptables',
    };
  }
  if (/RTNETLINK|bridge|Unknown device/.test(complaint)) {
    return {
      code: 'host.no-bridge',
      message: `the kernel makes no bridge: ${complaint}`,
      hint: 'sudo modprobe bridge veth',
    };
  }
  return {
    code: 'host.no-namespaces',
    message: `the machine makes no namespaces: ${complaint}`,
    hint: asRoot
      ? 'the process lacks CAP_SYS_ADMIN or its container forbids it; run it on the machine itself or in a privileged container'
      : userNamespaceHint(),
  };
}
