import { LateenError } from '@lateen/core';
import { objectPath, resources, type HttpKubeClient, type Pod } from '@lateen/kube';

/** Channels of Kubernetes' `v5.channel.k8s.io`: the first byte of each message. */
export const channel = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

/** How a command ended, as the error channel says. */
export interface Outcome {
  readonly status?: string;
  readonly message?: string;
  readonly reason?: string;
  readonly details?: { readonly causes?: readonly { readonly reason?: string; readonly message?: string }[] };
}

/** The command's exit code; throws where it could not be run. */
export function exitCode(outcome: Outcome): number {
  if (outcome.status === 'Success') return 0;
  const cause = outcome.details?.causes?.find(({ reason }) => reason === 'ExitCode');
  if (cause === undefined)
    throw new LateenError('cli.execFailed', outcome.message ?? 'the command could not be run');
  return Number(cause.message);
}

/** What a command in a container wrote. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command in a container without input or terminal, and waits for it. */
export async function runInContainer(
  client: HttpKubeClient,
  pod: Pod,
  container: string,
  command: readonly string[],
): Promise<CommandResult> {
  const query = new URLSearchParams({ container, stdout: 'true', stderr: 'true' });
  for (const part of command) query.append('command', part);
  const path = objectPath(resources.pods, pod.metadata.namespace, pod.metadata.name, 'exec');
  const target = await client.webSocket(`${path}?${query}`);
  const { WebSocket } = await import('ws');
  const socket = new WebSocket(target.url, 'v5.channel.k8s.io', target.options);
  return new Promise((resolve, reject) => {
    const written: Record<number, Buffer[]> = {
      [channel.stdout]: [],
      [channel.stderr]: [],
      [channel.error]: [],
    };
    const text = (id: number): string => Buffer.concat(written[id] ?? []).toString('utf8');
    socket.on('message', (data: Buffer) => written[data[0] ?? 0]?.push(data.subarray(1)));
    socket.on('error', reject);
    socket.on('close', () => {
      const outcome = text(channel.error);
      if (outcome === '') {
        reject(new LateenError('cli.execFailed', 'the connection ended before the command did'));
        return;
      }
      try {
        const code = exitCode(JSON.parse(outcome) as Outcome);
        resolve({ code, stdout: text(channel.stdout), stderr: text(channel.stderr) });
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}
