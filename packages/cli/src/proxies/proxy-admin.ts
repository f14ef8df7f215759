import { LateenError } from '@lateen/core';
import type { Pod } from '@lateen/kube';
import type { ObjectScope } from '../objects/kube-command.ts';
import { choosePod } from '../objects/pods.ts';
import { runInContainer } from '../objects/remote-command.ts';

/** The admin port of a proxy in a pod. */
export interface ProxyAdmin {
  readonly pod: Pod;
  /** The body of its answer; throws where the answer is an error. */
  ask(method: string, path: string): Promise<string>;
}

/**
 * The proxy of `POD` or `TYPE/NAME`, each with `.NAMESPACE` where no option says the namespace; asked through `pilot-agent request` in its container, since the
 * port is on the pod's loopback.
 */
export async function proxyAdmin(
  scope: ObjectScope,
  word: string,
  hasNamespaceOption: boolean,
): Promise<ProxyAdmin> {
  const pod = await proxyPod(scope, word, hasNamespaceOption);
  const { name, namespace } = pod.metadata;
  const container = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(
    (one) => one.name === 'istio-proxy',
  );
  if (container === undefined) {
    throw new LateenError('cli.noProxy', `pod ${name}.${namespace} has no sidecar`, {
      hint: 'its namespace wants the label istio-injection=enabled; then `kubectl rollout restart` the workload',
    });
  }
  return {
    pod,
    async ask(method, path) {
      const { code, stdout, stderr } = await runInContainer(scope.client, pod, container.name, [
        'pilot-agent',
        'request',
        method,
        path,
      ]);
      if (code !== 0) throw new LateenError('cli.badAnswer', (stderr || stdout).trim());
      return stdout;
    },
  };
}

async function proxyPod(scope: ObjectScope, word: string, hasNamespaceOption: boolean): Promise<Pod> {
  const dot = word.lastIndexOf('.');
  if (dot < 0 || hasNamespaceOption) return choosePod(scope, word, undefined);
  return choosePod({ ...scope, namespace: word.slice(dot + 1) }, word.slice(0, dot), undefined);
}
