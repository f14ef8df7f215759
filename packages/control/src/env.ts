import process from 'node:process';

/** What the environment tells the control plane; the only place of this package that reads it. */
export interface ControlEnvironment {
  /** `POD_NAMESPACE`: where the control plane and its configuration live; default istio-system. */
  readonly namespace: string;
  /** `POD_NAME`; default istiod. */
  readonly podName: string;
  /** `REVISION` of the control plane; default `default`. */
  readonly revision: string;
  /** `PILOT_ENABLE_MONGO_FILTER` (default true) and `PILOT_ENABLE_REDIS_FILTER` (default false), as Istio's. */
  readonly filters: { readonly mongoFilter: boolean; readonly redisFilter: boolean };
}

export function controlEnvironment(env: NodeJS.ProcessEnv = process.env): ControlEnvironment {
  return {
    namespace: env['POD_NAMESPACE'] || 'istio-system',
    podName: env['POD_NAME'] || 'istiod',
    revision: env['REVISION'] || 'default',
    filters: {
      mongoFilter: env['PILOT_ENABLE_MONGO_FILTER'] !== 'false',
      redisFilter: env['PILOT_ENABLE_REDIS_FILTER'] === 'true',
    },
  };
}
