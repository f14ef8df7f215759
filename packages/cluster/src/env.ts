import { pathWithSystemTools } from './host/preflight.ts';

/** What the local cluster takes from the environment of its process. */
export interface ClusterEnvironment {
  /** Where system tools are looked for: PATH and the administrators' directories. */
  readonly path: string;
}

export function clusterEnvironment(variables: NodeJS.ProcessEnv = process.env): ClusterEnvironment {
  return { path: pathWithSystemTools(variables['PATH'] ?? '/usr/local/bin:/usr/bin:/bin') };
}
