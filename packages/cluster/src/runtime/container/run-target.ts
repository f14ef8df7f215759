import { messageOf } from '@lateen/core';
import type { Container } from '@lateen/kube';
import type { ProbeTarget } from '../probe/probe-target.ts';
import type { ContainerRun, PodSurroundings } from './container-run.ts';
import { execInContainer } from './exec.ts';
import { runCommandProbe } from './lifecycle-hook.ts';

/** Where the probes and hooks of a run go. */
export function runTarget(
  container: Container,
  run: ContainerRun,
  { node, network }: PodSurroundings,
): ProbeTarget {
  return {
    clock: node.clock,
    podIP: network.address,
    portNumber: (port) => {
      if (typeof port === 'number') return port;
      const named = container.ports?.find((candidate) => candidate.name === port);
      const number = Number(port);
      return named?.containerPort ?? (Number.isInteger(number) && number > 0 ? number : undefined);
    },
    exec: async (command, timeoutMs) => {
      try {
        const session = execInContainer(run.running, { command, stdin: false, tty: false });
        return await runCommandProbe(session, node.clock, timeoutMs);
      } catch (error) {
        // The container has just ended.
        return { ok: false, message: messageOf(error) };
      }
    },
  };
}
