import type { Pod } from '@lateen/kube';

export interface PodFilesOptions {
  readonly pod: Pod;
  readonly podIP: string;
  readonly dnsAddress: string;
  readonly clusterDomain: string;
  /** The host's own resolv.conf, for pods that ask for it. */
  readonly hostResolvConf: string;
}

/** A host name of at most 63 letters. */
export function podHostname(pod: Pod): string {
  return (pod.spec.hostname ?? pod.metadata.name).slice(0, 63).replace(/[-.]+$/, '');
}

function resolvConf(options: PodFilesOptions): string {
  const { pod, clusterDomain } = options;
  const { dnsPolicy = 'ClusterFirst', dnsConfig = {} } = pod.spec;
  if (dnsPolicy === 'Default' && pod.spec.dnsConfig === undefined) return options.hostResolvConf;
  const fromCluster = dnsPolicy === 'ClusterFirst' || dnsPolicy === 'ClusterFirstWithHostNet';
  const namespace = pod.metadata.namespace ?? 'default';
  const servers = [...(fromCluster ? [options.dnsAddress] : []), ...(dnsConfig.nameservers ?? [])];
  const searches = [
    ...(fromCluster ? [`${namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain] : []),
    ...(dnsConfig.searches ?? []),
  ];
  const own = new Map<string, string | undefined>(fromCluster ? [['ndots', '5']] : []);
  for (const { name, value } of dnsConfig.options ?? []) if (name !== undefined) own.set(name, value);
  const words = [...own].map(([name, value]) => (value === undefined ? name : `${name}:${value}`));
  return [
    ...(searches.length > 0 ? [`search ${[...new Set(searches)].join(' ')}`] : []),
    ...[...new Set(servers)].map((server) => `nameserver ${server}`),
    ...(words.length > 0 ? [`options ${words.join(' ')}`] : []),
    '',
  ].join('\n');
}

function hosts(options: PodFilesOptions): string {
  const { pod, podIP, clusterDomain } = options;
  const hostname = podHostname(pod);
  const { subdomain, hostAliases = [] } = pod.spec;
  const full =
    subdomain === undefined
      ? []
      : [`${hostname}.${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}`];
  return [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    `${podIP}\t${[...full, hostname].join('\t')}`,
    ...(hostAliases.length > 0 ? ['', '# Entries added by HostAliases.'] : []),
    ...hostAliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}`),
    '',
  ].join('\n');
}

/** The files of /etc that say where a pod is: path -> text. */
export function podFiles(options: PodFilesOptions): Record<string, string> {
  return {
    '/etc/resolv.conf': resolvConf(options),
    '/etc/hosts': hosts(options),
    '/etc/hostname': `${podHostname(options.pod)}\n`,
  };
}
