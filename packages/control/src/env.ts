import process from 'node:process';

/** What the environment tells the control plane; the only place of this package that reads it. */
export interface ControlEnvironment {
  /** `POD_NAMESPACE`: where the control plane and its configuration live; default istio-system. */
  readonly namespace: string;
  /** `POD_NAME`; default istiod. */
  readonly podName: string;
  /** `REVISION` of the control plane; default `default`. */
  readonly revision: string;
}

export function controlEnvironment(env: NodeJS.ProcessEnv = process.env): ControlEnvironment {
  return {
    namespace: env['POD_NAMESPACE'] || 'istio-system',
    podName: env['POD_NAME'] || 'istiod',
    revision: env['REVISION'] || 'default',
  };
}
