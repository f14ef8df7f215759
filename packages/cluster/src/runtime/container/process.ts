import { closeSync, fchownSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import type { ChildProcess } from 'node:child_process';
import { LateenError } from '@lateen/core';
import type { NamespaceSwitch, PodNamespaces } from '../../linux/namespaces.ts';
import { createPipe, readPipe, writePipe } from '../../linux/pipe.ts';
import type { Tools } from '../../linux/tools.ts';
import type { ExitStatus } from '../node-agent.ts';
import type { RootFileSystem } from './root-file-system.ts';

/** Who a process is and what it may do. */
export interface Identity {
  readonly uid: number;
  readonly gid: number;
  readonly supplementalGroups: readonly number[];
  /** Names without `CAP_`, in lower case: the most that the process and its children can ever have. */
  readonly capabilities: readonly string[];
  readonly noNewPrivileges: boolean;
}

export interface ContainerProcessOptions {
  readonly switch: NamespaceSwitch;
  readonly tools: Tools;
  readonly namespaces: PodNamespaces;
  readonly root: RootFileSystem;
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
  readonly identity: Identity;
  /** Whether its standard input is kept open for `attach`. */
  readonly stdin: boolean;
}

/** The first process of a container. */
export interface ContainerProcess {
  readonly pid: number;
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when the program has been started; rejects with a LateenError `runtime.start` where it cannot be. */
  readonly started: Promise<void>;
  readonly exited: Promise<ExitStatus>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * Runs as the first process of the container's pid namespace, in its own mount namespace: mounts,
 * moves into the new root, and becomes the program. Descriptor 3 hears what goes wrong on the way and
 * is closed by the last step.
 */
const enterScript = `
tools=$1; table=$2; root=$3; dir=$4; program=$5; shift 5
own=$PATH; PATH=$tools
fail() { echo "$*" >&3; exit 128; }
mount -a -T "$table" >&3 2>&3 || fail 'the mounts of the container failed'
cd "$root" 2>&3 && pivot_root . mnt >&3 2>&3 && umount -l /mnt >&3 2>&3 || fail 'the root of the container failed'
mkdir -p "$dir" 2>/dev/null
cd "$dir" 2>&3 || fail "cannot change to the working directory $dir"
PATH=$own; unset OLDPWD
command -v "$program" >/dev/null || fail "exec: \\"$program\\": executable file not found in \\$PATH"
exec "$@" 3>&-
`;

/** The command line that turns root into somebody else and starts the program. */
export function identityCommand(tools: Tools, identity: Identity): string[] {
  const groups =
    identity.supplementalGroups.length === 0
      ? ['--clear-groups']
      : ['--groups', identity.supplementalGroups.join(',')];
  const bounding = ['-all', ...identity.capabilities.map((name) => `+${name}`)].join(',');
  return [
    tools.setpriv,
    `--reuid=${identity.uid}`,
    `--regid=${identity.gid}`,
    ...groups,
    `--bounding-set=${bounding}`,
    '--inh-caps=-all',
    ...(identity.noNewPrivileges ? ['--no-new-privs'] : []),
  ];
}

const shellName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Names that a shell would drop from the environment are set by `env`, after the last shell. */
export function environmentCommand(tools: Tools, env: Readonly<Record<string, string>>): string[] {
  const odd = Object.entries(env).filter(([name]) => !shellName.test(name));
  return odd.length === 0 ? [] : [tools.env, ...odd.map(([name, value]) => `${name}=${value}`)];
}

function exitStatus(child: ChildProcess): Promise<ExitStatus> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ kind: 'exited', code: 128 }));
    child.once('exit', (code, signal) => {
      resolve(signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'signalled', signal });
    });
  });
}

function readComplaint(fd: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    readPipe(fd)
      .setEncoding('utf8')
      .on('data', (chunk: string) => (text += chunk))
      .on('error', () => resolve(text))
      .on('close', () => resolve(text));
  });
}

/** Starts a container. Its output must be read. */
export function startContainerProcess(options: ContainerProcessOptions): ContainerProcess {
  const { identity, root, argv, tools } = options;
  const out = createPipe();
  const err = createPipe();
  const setup = createPipe();
  const input = options.stdin ? createPipe() : undefined;
  const childEnds = [out.write, err.write, setup.write, ...(input === undefined ? [] : [input.read])];
  // A program that is not root may open /dev/stdout again.
  for (const fd of [out.write, err.write]) fchownSync(fd, identity.uid, identity.gid);
  const child = options.switch.spawn(
    { namespaces: options.namespaces, pid: 'new' },
    tools.unshare,
    [
      '--mount',
      '--propagation=private',
      tools.sh,
      '-c',
      enterScript,
      'lateen-enter',
      tools.path,
      root.table,
      root.root,
      options.workingDir,
      argv[0] ?? '',
      ...identityCommand(tools, identity),
      ...environmentCommand(tools, options.env),
      ...argv,
    ],
    {
      cwd: '/',
      env: options.env,
      detached: true,
      stdio: [input?.read ?? 'ignore', out.write, err.write, setup.write],
    },
  );
  for (const fd of childEnds) closeSync(fd);
  const exited = exitStatus(child);
  const started = readComplaint(setup.read).then((complaint) => {
    if (complaint === '') return;
    throw new LateenError('runtime.start', complaint.trim());
  });
  started.catch(() => {});
  return {
    pid: child.pid ?? 0,
    stdin: input === undefined ? undefined : writePipe(input.write),
    stdout: readPipe(out.read),
    stderr: readPipe(err.read),
    started,
    exited,
    kill: (signal) => void child.kill(signal),
  };
}
