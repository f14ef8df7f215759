import { closeSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { LateenError } from '@lateen/core';
import type { NamespaceSwitch, PodNamespaces } from '../../linux/namespaces.ts';
import { createPipe, readPipe } from '../../linux/pipe.ts';
import { pipeStreams, terminalStreams } from '../../linux/program-streams.ts';
import type { Tools } from '../../linux/tools.ts';
import type { ExitStatus } from '../node-agent.ts';
import { environmentCommand, identityCommand, type Identity } from './identity.ts';
import type { RootFileSystem } from './root-file-system.ts';

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
  /** Where to open a terminal for it; undefined for pipes. */
  readonly devpts: string | undefined;
}

/** The first process of a container. */
export interface ContainerProcess {
  /** Its number among the cluster's processes. */
  readonly pid: number;
  readonly stdin: Writable | undefined;
  /** Must be read. */
  readonly stdout: Readable;
  /** Must be read. */
  readonly stderr: Readable | undefined;
  readonly resize: (columns: number, rows: number) => void;
  /** Resolves when the program has been started; rejects with a LateenError `StartError` where it cannot be. */
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
[ -d "$dir" ] || mkdir -p "$dir" 2>&3
cd "$dir" 2>&3 || fail "cannot change to the working directory $dir"
PATH=$own; unset OLDPWD
command -v "$program" >/dev/null || fail "exec: \\"$program\\": executable file not found in \\$PATH"
exec "$@" 3>&-
`;

/** How a child ends, as containers' statuses say it. */
export function exitStatus(child: ChildProcess): Promise<ExitStatus> {
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

/** Starts a container. */
export function startContainerProcess(options: ContainerProcessOptions): ContainerProcess {
  const { identity, root, argv, tools, devpts } = options;
  const streams =
    devpts === undefined ? pipeStreams(identity, options.stdin) : terminalStreams(identity, devpts);
  const setup = createPipe();
  const session = devpts === undefined ? [] : [tools.setsid, '--ctty'];
  let child: ChildProcess;
  try {
    child = options.switch.spawn(
      { namespaces: options.namespaces, pid: 'new' },
      tools.unshare,
      [
        '--mount',
        '--propagation=private',
        ...session,
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
        // A session of its own; with a terminal `setsid` makes it.
        detached: devpts === undefined,
        stdio: [...streams.stdio, setup.write],
      },
    );
  } finally {
    streams.closeProgramSide();
    closeSync(setup.write);
  }
  const exited = exitStatus(child);
  const started = readComplaint(setup.read).then((complaint) => {
    if (complaint !== '') throw new LateenError('StartError', complaint.trim());
  });
  started.catch(() => {});
  const { stdin, stdout, stderr, resize } = streams;
  return {
    pid: child.pid ?? 0,
    stdin,
    stdout,
    stderr,
    resize,
    started,
    exited,
    kill: (signal) => void child.kill(signal),
  };
}
