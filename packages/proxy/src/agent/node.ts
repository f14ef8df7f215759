import { istioVersion, proxyVersion } from '../version.ts';
import type { AgentConfig } from './agent-config.ts';

/** The node of an Envoy bootstrap, as Istio's control plane expects it. */
export interface BootstrapNode {
  readonly id: string;
  readonly cluster: string;
  readonly locality: { readonly region?: string; readonly zone?: string; readonly sub_zone?: string };
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Describes the workload: `sidecar~IP~POD.NS~NS.svc.cluster.local` and Istio's metadata. */
export function describeNode(config: AgentConfig): BootstrapNode {
  const { labels, namespace, podName, extraMetadata } = config;
  return {
    id: [config.role, config.instanceIp, `${podName}.${namespace}`, config.domain].join('~'),
    cluster: serviceCluster(config),
    locality: localityOf(labels),
    metadata: {
      ANNOTATIONS: config.annotations,
      CLUSTER_ID: 'Kubernetes',
      ENVOY_PROMETHEUS_PORT: 15_090,
      ENVOY_STATUS_PORT: 15_021,
      INSTANCE_IPS: config.instanceIp,
      ISTIO_PROXY_SHA: `lateen-proxy:${proxyVersion}`,
      ISTIO_VERSION: istioVersion,
      LABELS: labels,
      MESH_ID: config.trustDomain,
      NAME: podName,
      NAMESPACE: namespace,
      PILOT_SAN: [hostOf(config.proxyConfig.discoveryAddress)],
      PROXY_CONFIG: config.proxyConfig.raw,
      SERVICE_ACCOUNT: config.serviceAccount,
      ...extraMetadata,
    },
  };
}

function serviceCluster(config: AgentConfig): string {
  if (config.proxyConfig.serviceCluster !== undefined) return config.proxyConfig.serviceCluster;
  const name =
    config.labels['service.istio.io/canonical-name'] ??
    config.labels['app.kubernetes.io/name'] ??
    config.labels['app'] ??
    config.extraMetadata['WORKLOAD_NAME'];
  return typeof name === 'string' ? `${name}.${config.namespace}` : 'istio-proxy';
}

/** `istio-locality: region.zone.subzone`, else the labels of Kubernetes. */
function localityOf(labels: Readonly<Record<string, string>>): BootstrapNode['locality'] {
  const [
    region = labels['topology.kubernetes.io/region'],
    zone = labels['topology.kubernetes.io/zone'],
    sub,
  ] = labels['istio-locality']?.split('.') ?? [];
  const subZone = sub ?? labels['topology.istio.io/subzone'];
  return {
    ...(region === undefined ? {} : { region }),
    ...(zone === undefined ? {} : { zone }),
    ...(subZone === undefined ? {} : { sub_zone: subZone }),
  };
}

/** The host of `host:port` or `[::1]:port`. */
export function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}

/** The port of `host:port`. */
export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1));
}
