/** What the name of a cluster says: `outbound|9080|v1|reviews.default.svc.cluster.local`. */
export interface ClusterName {
  readonly direction: 'outbound' | 'inbound';
  readonly port: number;
  /** Empty for all endpoints. */
  readonly subset: string;
  /** Empty for inbound clusters. */
  readonly hostname: string;
}

/** Where traffic to addresses that the mesh does not know goes: to the address itself. */
export const passthroughCluster = 'PassthroughCluster';
/** Where traffic goes that must go nowhere. */
export const blackHoleCluster = 'BlackHoleCluster';
/** Where traffic to ports of the workload goes that no service leads to. */
export const inboundPassthroughCluster = 'InboundPassthroughCluster';

export function outboundClusterName(hostname: string, port: number, subset = ''): string {
  return `outbound|${port}|${subset}|${hostname}`;
}

/** Named by the workload's own port. */
export function inboundClusterName(targetPort: number): string {
  return `inbound|${targetPort}||`;
}

/** Undefined where the name is not one of Istio's form. */
export function parseClusterName(name: string): ClusterName | undefined {
  const [direction, port, subset, hostname, ...more] = name.split('|');
  if (direction !== 'outbound' && direction !== 'inbound') return undefined;
  if (port === undefined || !/^\d{1,5}$/.test(port)) return undefined;
  if (subset === undefined || hostname === undefined || more.length > 0) return undefined;
  return { direction, port: Number(port), subset, hostname };
}
