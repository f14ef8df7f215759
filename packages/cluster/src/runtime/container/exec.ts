import type { ChildProcess } from 'node:child_process';
import type { NamespaceSwitch, PodNamespaces } from '../../linux/namespaces.ts';
import { pipeStreams, terminalStreams } from '../../linux/program-streams.ts';
import type { Tools } from '../../linux/tools.ts';
import type { ExecOptions, ExecSession } from '../node-agent.ts';
import { environmentCommand, identityCommand, type Identity } from './identity.ts';
import { exitStatus } from './process.ts';

/** A running container, as another program joins it. */
export interface RunningContainer {
  readonly switch: NamespaceSwitch;
  readonly tools: Tools;
  readonly namespaces: PodNamespaces;
  readonly pid: number;
  readonly identity: Identity;
  readonly env: Readonly<Record<string, string>>;
  readonly workingDir: string;
}

/** Runs inside the container: goes to its working directory and becomes the program. */
const joinScript = `
dir=$1; program=$2; shift 2
cd "$dir" 2>/dev/null || cd /
unset OLDPWD
command -v "$program" >/dev/null || { echo "exec: \\"$program\\": executable file not found in \\$PATH" >&2; exit 127; }
exec "$@"
`;

/** Starts another program in a container: same user, rights, environment and directory as its main one. */
export function execInContainer(container: RunningContainer, options: ExecOptions): ExecSession {
  const { tools, identity, pid } = container;
  const streams = options.tty
    ? terminalStreams(identity, `/proc/${pid}/root/dev/pts`)
    : pipeStreams(identity, options.stdin);
  const env = options.tty ? { TERM: 'xterm', ...container.env } : container.env;
  let child: ChildProcess;
  try {
    child = container.switch.spawn(
      { namespaces: container.namespaces, pid },
      tools.nsenter,
      [
        `--mount=/proc/${pid}/ns/mnt`,
        ...(options.tty ? [tools.setsid, '--ctty'] : []),
        tools.sh,
        '-c',
        joinScript,
        'lateen-join',
        container.workingDir,
        options.command[0] ?? '',
        ...identityCommand(tools, identity),
        ...environmentCommand(tools, env),
        ...options.command,
      ],
      { cwd: '/', env, detached: !options.tty, stdio: [...streams.stdio] },
    );
  } finally {
    streams.closeProgramSide();
  }
  return {
    stdin: options.stdin ? streams.stdin : undefined,
    stdout: streams.stdout,
    stderr: streams.stderr,
    exited: exitStatus(child),
    resize: streams.resize,
    kill: () => void child.kill('SIGKILL'),
  };
}
