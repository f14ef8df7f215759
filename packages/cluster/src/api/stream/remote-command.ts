import type { WebSocket } from 'ws';
import type { ExecSession, ExitStatus } from '../../runtime/node-agent.ts';
import { channel, sendOn, sendStream } from './channel-socket.ts';

/** The `Status` on the error channel that tells a client how the command ended. */
export function exitStatusObject(exit: ExitStatus): object {
  const base = { kind: 'Status', apiVersion: 'v1', metadata: {} };
  if (exit.kind === 'exited' && exit.code === 0) return { ...base, status: 'Success' };
  // A shell's number for a command that a signal ended: 128 and the signal's.
  const code = exit.kind === 'exited' ? exit.code : 128 + (signalNumbers[exit.signal] ?? 0);
  return {
    ...base,
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

const signalNumbers: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};

/** Connects a command to a client's channels until the command ends or the client goes away. */
export async function runRemoteCommand(socket: WebSocket, session: ExecSession): Promise<void> {
  let finished = false;
  socket.on('message', (data: Buffer) => receive(socket, session, data));
  socket.on('close', () => {
    if (!finished) session.kill();
  });
  socket.on('error', () => socket.terminate());
  session.stdin?.on('error', () => {});
  const output = Promise.all([
    sendStream(socket, channel.stdout, session.stdout),
    sendStream(socket, channel.stderr, session.stderr),
  ]);
  const exit = await session.exited;
  await output;
  finished = true;
  await sendOn(socket, channel.error, Buffer.from(JSON.stringify(exitStatusObject(exit))));
  socket.close(1000);
}

function receive(socket: WebSocket, session: ExecSession, data: Buffer): void {
  const body = data.subarray(1);
  switch (data[0]) {
    case channel.stdin:
      if (session.stdin === undefined || body.length === 0) return;
      if (!session.stdin.write(body)) {
        socket.pause();
        session.stdin.once('drain', () => socket.resume());
      }
      return;
    case channel.resize:
      resize(session, body);
      return;
    case channel.close:
      if (body[0] === channel.stdin) session.stdin?.end();
      return;
    default:
  }
}

function resize(session: ExecSession, body: Buffer): void {
  try {
    const { Width, Height } = JSON.parse(body.toString('utf8')) as { Width?: unknown; Height?: unknown };
    if (typeof Width === 'number' && typeof Height === 'number') session.resize(Width, Height);
  } catch {
    // Not a size: nothing to do, as for any message that makes no sense.
  }
}
