import process from 'node:process';

/** What the environment says about API servers; the only place in this package that reads it. */
export interface KubeEnvironment {
  /** `KUBERNETES_SERVICE_HOST`: set in every container of a pod. */
  readonly serviceHost: string | undefined;
  /** `KUBERNETES_SERVICE_PORT`; default 443. */
  readonly servicePort: string;
  /** `KUBECONFIG`: files to merge, earlier ones win; default `~/.kube/config`. */
  readonly kubeconfigPaths: readonly string[];
}

export function kubeEnvironment(env: NodeJS.ProcessEnv = process.env): KubeEnvironment {
  const listed = (env['KUBECONFIG'] ?? '').split(':').filter((path) => path !== '');
  const home = env['HOME'];
  const byDefault = home === undefined || home === '' ? [] : [`${home}/.kube/config`];
  return {
    serviceHost: env['KUBERNETES_SERVICE_HOST'] || undefined,
    servicePort: env['KUBERNETES_SERVICE_PORT'] || '443',
    kubeconfigPaths: listed.length > 0 ? listed : byDefault,
  };
}
