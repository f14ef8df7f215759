/**
 * How many threads serve: one where it is not said, since each further one costs memory in every pod (Envoy's default
 * is one a core); 0 is one a core, as in Istio's ProxyConfig.
 */
export function workerCount(asked: number | undefined, cores: number): number {
  if (asked === undefined) return 1;
  return asked === 0 ? cores : asked;
}
