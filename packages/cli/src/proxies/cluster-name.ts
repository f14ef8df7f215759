/** What the name of a cluster says, as `outbound|9080|v1|reviews.default.svc.cluster.local`. */
export interface ClusterNameParts {
  readonly direction: string;
  readonly port: string;
  readonly subset: string;
  readonly host: string;
}

/** Takes a cluster's name apart; undefined where it is none of Istio's. */
export function partsOfClusterName(name: string): ClusterNameParts | undefined {
  const [direction = '', port = '', subset = '', host = ''] = name.includes('|')
    ? name.split('|')
    : (/^((?:outbound|inbound)_)\.(\d+)_\.([^.]*|)_\.(.*)$/.exec(name)?.slice(1) ?? []);
  return port === '' ? undefined : { direction: direction.replace(/_$/, ''), port, subset, host };
}
