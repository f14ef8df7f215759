import { PassThrough, type Readable } from 'node:stream';
import { codeOf } from '@lateen/core';
import { KubeStatusError } from '@lateen/kube';
import { connectInside } from '../linux/connect.ts';
import { execInContainer } from './container/exec.ts';
import type { ContainerSupervisor } from './container/supervisor.ts';
import type { ContainerRef, ExecSession, NodeAgent } from './node-agent.ts';
import type { PodWorker } from './pod/pod-worker.ts';

function refuse(code: number, reason: string, message: string): never {
  throw new KubeStatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
  });
}

/** Who attaches and lags by more than this is cut off: the program waits for nobody. */
const maxLagBytes = 16 * 1024 * 1024;

/** A copy of a stream that several may read; it ends with the original. */
function copyOf(source: Readable): Readable {
  const copy = new PassThrough();
  const forward = (chunk: Buffer): void => {
    copy.write(chunk);
    if (copy.writableLength + copy.readableLength > maxLagBytes) copy.destroy();
  };
  const end = (): void => void copy.end();
  source.on('data', forward).once('end', end).once('close', end);
  copy.once('close', () => source.off('data', forward));
  return copy;
}

/** Logs, exec, attach and port-forward for the pods that `find` knows. */
export function podAgent(find: (namespace: string, pod: string) => PodWorker | undefined): NodeAgent {
  const workerOf = (namespace: string, pod: string): PodWorker =>
    find(namespace, pod) ?? refuse(404, 'NotFound', `pods "${pod}" not found`);

  const supervisorOf = (ref: ContainerRef): ContainerSupervisor => {
    const worker = workerOf(ref.namespace, ref.pod);
    const supervisor = worker.container(ref.container);
    if (supervisor !== undefined) return supervisor;
    const { initContainers = [], containers } = worker.pod.spec;
    if ([...initContainers, ...containers].some((container) => container.name === ref.container)) {
      const what = `container "${ref.container}" in pod "${ref.pod}" is waiting to start: ContainerCreating`;
      return refuse(400, 'BadRequest', what);
    }
    return refuse(400, 'BadRequest', `container ${ref.container} is not valid for pod ${ref.pod}`);
  };

  const runningOf = (ref: ContainerRef) => {
    const supervisor = supervisorOf(ref);
    const { run } = supervisor;
    if (run !== undefined && supervisor.stage.name === 'running') return run;
    return refuse(
      400,
      'BadRequest',
      `cannot exec in a stopped container: container "${ref.container}" of pod "${ref.pod}" is not running`,
    );
  };

  return {
    async logs(ref, options) {
      const supervisor = supervisorOf(ref);
      const { stage } = supervisor;
      const run =
        options.previous || (supervisor.run === undefined && supervisor.previousRun !== undefined)
          ? supervisor.previousRun
          : supervisor.run;
      if (run !== undefined) return run.log.read(options);
      if (options.previous) {
        return refuse(
          400,
          'BadRequest',
          `previous terminated container "${ref.container}" in pod "${ref.pod}" not found`,
        );
      }
      const reason = stage.name === 'waiting' ? stage.reason : 'ContainerCreating';
      const what = `container "${ref.container}" in pod "${ref.pod}" is waiting to start: ${reason}`;
      return refuse(400, 'BadRequest', what);
    },

    async exec(ref, options) {
      return execInContainer(runningOf(ref).running, options);
    },

    async attach(ref, options) {
      const { process } = runningOf(ref);
      const session: ExecSession = {
        stdin: options.stdin ? process.stdin : undefined,
        stdout: copyOf(process.stdout),
        stderr: process.stderr === undefined || options.tty ? undefined : copyOf(process.stderr),
        exited: process.exited,
        resize: process.resize,
        // Who attaches is a guest: leaving does not end the program.
        kill: () => {},
      };
      return session;
    },

    async portForward(namespace, pod, port) {
      const worker = workerOf(namespace, pod);
      const { network } = worker;
      if (network === undefined) return refuse(400, 'BadRequest', `pod ${pod} is not running`);
      try {
        return await connectInside(worker.namespaceSwitch, network.namespaces, port);
      } catch (error) {
        const why = codeOf(error) === 'ECONNREFUSED' ? 'connection refused' : String(error);
        return refuse(
          502,
          'InternalError',
          `failed to connect to localhost:${port} inside pod ${namespace}/${pod}: ${why}`,
        );
      }
    },
  };
}
