import type { Server } from 'node:net';
import type { HostChannel } from './host-ports.ts';
import type { ClusterFacts, FailureNote, HostMessage, Progress } from './messages.ts';

/** The cluster process's side of the line to the host process. */
export interface HostLink extends HostChannel {
  progress(progress: Progress): void;
  ready(facts: ClusterFacts): void;
  /** Resolves when the message is on its way: the process may end then. */
  failed(failure: FailureNote): Promise<void>;
  /** Called when the host asks for an orderly end, with the time there is for it. */
  onShutdown(run: (graceMs: number) => void): void;
  /** Called when the host process is gone. */
  onLost(run: () => void): void;
}

/** The line of a process that was started with an IPC channel. */
export function hostLink(own: NodeJS.Process): HostLink {
  const post = (message: Parameters<HostChannel['send']>[0], sent: () => void = () => {}): void => {
    if (own.send === undefined || !own.connected) sent();
    else own.send(message, undefined, undefined, sent);
  };
  const onMessage = (handler: (message: HostMessage, handle: unknown) => void): void => {
    own.on('message', (message: HostMessage, handle: Server | undefined) => handler(message, handle));
  };
  return {
    send: (message) => post(message),
    onMessage,
    progress: (progress) => post({ type: 'progress', progress }),
    ready: (facts) => post({ type: 'ready', facts }),
    failed: (failure) => new Promise((sent) => post({ type: 'failed', failure }, sent)),
    onShutdown(run) {
      onMessage((message) => {
        if (message.type === 'shutdown') run(message.graceMs);
      });
    },
    onLost: (run) => void own.once('disconnect', run),
  };
}
