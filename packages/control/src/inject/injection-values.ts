import { istioVersion } from '@lateen/config';
import type { Container, EnvVar } from '@lateen/kube';
import type { LabelSelector } from '@lateen/kube';

/** What the sidecar's template is filled in with: ConfigMap `istio-sidecar-injector`, keys `config` and `values`. */
export interface InjectionValues {
  /** Registry and path before the images' names. */
  readonly hub: string;
  readonly tag: string;
  /** Name of the proxy's image, or a whole reference. */
  readonly image: string;
  readonly imagePullPolicy: '' | 'Always' | 'IfNotPresent' | 'Never';
  readonly imagePullSecrets: readonly string[];
  readonly istioNamespace: string;
  readonly revision: string;
  /** `enabled` injects where nothing else is said, `disabled` only where it is asked for. */
  readonly policy: 'enabled' | 'disabled';
  readonly neverInjectSelector: readonly LabelSelector[];
  readonly alwaysInjectSelector: readonly LabelSelector[];
  /** Annotations that each injected pod is given. */
  readonly injectedAnnotations: Readonly<Record<string, string>>;
  readonly rewriteAppHttpProbe: boolean;
  readonly clusterDomain: string;
  readonly clusterName: string;
  readonly meshId: string;
  readonly network: string;
  readonly caAddress: string;
  readonly certificateProvider: string;
  readonly logLevel: string;
  readonly componentLogLevel: string;
  readonly agentLogLevel: string;
  readonly includeInboundPorts: string;
  readonly excludeInboundPorts: string;
  readonly includeOutboundPorts: string;
  readonly excludeOutboundPorts: string;
  readonly includeIpRanges: string;
  readonly excludeIpRanges: string;
  readonly resources: NonNullable<Container['resources']>;
  readonly startupProbe: boolean;
  /** Sidecars as init containers with restartPolicy Always, where nothing else is said. */
  readonly nativeSidecars: boolean;
  /** Traffic is redirected by the node, not by an init container. */
  readonly cni: boolean;
  readonly extraEnv: readonly EnvVar[];
}

/** Istio's defaults. */
export const defaultInjectionValues: InjectionValues = {
  hub: 'docker.io/istio',
  tag: istioVersion,
  image: 'proxyv2',
  imagePullPolicy: '',
  imagePullSecrets: [],
  istioNamespace: 'istio-system',
  revision: 'default',
  policy: 'enabled',
  neverInjectSelector: [],
  alwaysInjectSelector: [],
  injectedAnnotations: {},
  rewriteAppHttpProbe: true,
  clusterDomain: 'cluster.local',
  clusterName: 'Kubernetes',
  meshId: '',
  network: '',
  caAddress: '',
  certificateProvider: 'istiod',
  logLevel: 'warning',
  componentLogLevel: 'misc:error',
  agentLogLevel: 'default:info',
  includeInboundPorts: '*',
  excludeInboundPorts: '',
  includeOutboundPorts: '',
  excludeOutboundPorts: '',
  includeIpRanges: '*',
  excludeIpRanges: '',
  resources: { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '100m', memory: '128Mi' } },
  startupProbe: true,
  nativeSidecars: false,
  cni: false,
  extraEnv: [],
};

/** The reference of the proxy's image. */
export function proxyImage(values: Pick<InjectionValues, 'hub' | 'tag' | 'image'>): string {
  return values.image.includes('/') ? values.image : `${values.hub}/${values.image}:${values.tag}`;
}
