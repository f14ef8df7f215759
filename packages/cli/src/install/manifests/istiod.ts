import { formatManifest } from '@lateen/config';
import { renderInjectorConfig } from '@lateen/control/inject';
import type { ConfigMap, Container, KubeObject } from '@lateen/kube';
import type { KubernetesOverrides } from '../install-spec.ts';
import { ownLabels, revisioned } from '../install-names.ts';
import type { Installation } from '../resolve-install.ts';
import { disruptionBudget, podAutoscaler } from './scaling.ts';

const labels = { app: 'istiod', istio: 'pilot' };

type ConfigMapWithData = ConfigMap & { data: Record<string, string> };

/** ConfigMap `istio`: the settings of the mesh. */
export function meshConfigMap(installation: Installation): ConfigMapWithData {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: revisioned('istio', installation),
      namespace: installation.namespace,
      labels: ownLabels(installation, 'Pilot'),
    },
    data: { mesh: formatManifest(installation.meshConfig), meshNetworks: 'networks: {}' },
  };
}

/** ConfigMap `istio-sidecar-injector`: what the sidecar's template is filled in with. */
export function injectorConfigMap(installation: Installation): ConfigMapWithData {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: revisioned('istio-sidecar-injector', installation),
      namespace: installation.namespace,
      labels: ownLabels(installation, 'Pilot'),
    },
    data: { ...renderInjectorConfig({ ...installation.values, revision: revisionValue(installation) }) },
  };
}

function revisionValue(installation: Installation): string {
  return installation.revision === 'default' ? '' : installation.revision;
}

/** The Service that proxies, the API server and people reach the control plane by. */
export function istiodService(installation: Installation): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: revisioned('istiod', installation),
      namespace: installation.namespace,
      labels: { ...labels, ...ownLabels(installation, 'Pilot') },
    },
    spec: {
      ports: [
        { name: 'grpc-xds', port: 15010, protocol: 'TCP' },
        { name: 'https-dns', port: 15012, protocol: 'TCP' },
        { name: 'https-webhook', port: 443, targetPort: 15017, protocol: 'TCP' },
        { name: 'http-monitoring', port: 15014, protocol: 'TCP' },
      ],
      selector: { app: 'istiod', 'istio.io/rev': installation.revision },
    },
  };
}

/** The control plane itself. */
export function istiodDeployment(installation: Installation): KubeObject {
  const { namespace, revision, values, spec } = installation;
  const k8s = spec.components?.pilot?.k8s ?? {};
  const pilot = values.pilot ?? {};
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: revisioned('istiod', installation),
      namespace,
      labels: { ...labels, ...ownLabels(installation, 'Pilot') },
    },
    spec: {
      ...replicasOf(k8s.replicaCount ?? pilot.replicaCount, pilot.autoscaleEnabled),
      strategy: { rollingUpdate: { maxSurge: '100%', maxUnavailable: '25%' } },
      selector: { matchLabels: { app: 'istiod', 'istio.io/rev': revision } },
      template: {
        metadata: {
          labels: {
            ...labels,
            ...ownLabels(installation, 'Pilot'),
            'sidecar.istio.io/inject': 'false',
          },
          annotations: {
            'prometheus.io/port': '15014',
            'prometheus.io/scrape': 'true',
            'sidecar.istio.io/inject': 'false',
            ...pilot.podAnnotations,
            ...k8s.podAnnotations,
          },
        },
        spec: {
          serviceAccountName: 'istiod-service-account',
          ...placementOf(k8s, pilot.nodeSelector),
          ...pullSecretsOf(installation),
          containers: [discoveryContainer(installation, k8s)],
          volumes: [{ name: 'config-volume', configMap: { name: revisioned('istio', installation) } }],
        },
      },
    },
  };
}

function discoveryContainer(installation: Installation, k8s: KubernetesOverrides): Container {
  const { values } = installation;
  const pilot = values.pilot ?? {};
  const image = pilot.image ?? 'pilot';
  const environment = Object.entries({
    REVISION: installation.revision,
    PILOT_CERT_PROVIDER: values.global?.pilotCertProvider ?? 'istiod',
    PILOT_TRACE_SAMPLING: String(pilot.traceSampling ?? 1),
    CLUSTER_ID: values.global?.multiCluster?.clusterName || 'Kubernetes',
    ...pilot.env,
  }).map(([name, value]) => ({ name, value }));
  const fields = [
    ['POD_NAME', 'metadata.name'],
    ['POD_NAMESPACE', 'metadata.namespace'],
    ['SERVICE_ACCOUNT', 'spec.serviceAccountName'],
  ].map(([name = '', fieldPath = '']) => ({ name, valueFrom: { fieldRef: { fieldPath } } }));
  return {
    name: 'discovery',
    image: image.includes('/')
      ? image
      : `${pilot.hub ?? installation.hub}/${image}:${pilot.tag ?? installation.tag}`,
    ...pullPolicyOf(installation),
    args: [
      'discovery',
      '--monitoringAddr=:15014',
      `--log_output_level=${values.global?.logging?.level || 'default:info'}`,
      '--domain',
      values.global?.proxy?.clusterDomain ?? 'cluster.local',
      '--keepaliveMaxServerConnectionAge',
      '30m',
    ],
    ports: [
      { containerPort: 8080, protocol: 'TCP' },
      { containerPort: 15010, protocol: 'TCP' },
      { containerPort: 15017, protocol: 'TCP' },
    ],
    readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 3, timeoutSeconds: 5 },
    env: [...environment, ...fields, ...((k8s.env ?? []) as unknown as { name: string; value: string }[])],
    ...resourcesOf(k8s.resources ?? pilot.resources),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      runAsUser: 1337,
      runAsGroup: 1337,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [{ name: 'config-volume', mountPath: '/etc/istio/config' }],
  };
}

/** Scaling of the control plane. */
export function istiodScaling(installation: Installation): {
  readonly autoscaler: KubeObject | undefined;
  readonly budget: KubeObject | undefined;
} {
  const { pilot = {}, global = {} } = installation.values;
  const target = {
    name: revisioned('istiod', installation),
    namespace: installation.namespace,
    labels: { ...labels, ...ownLabels(installation, 'Pilot') },
    selector: { app: 'istiod', 'istio.io/rev': installation.revision },
  };
  return {
    autoscaler: podAutoscaler(target, pilot, installation.spec.components?.pilot?.k8s?.hpaSpec),
    budget: global.defaultPodDisruptionBudget?.enabled === true ? disruptionBudget(target) : undefined,
  };
}

/** `replicas`, unless an autoscaler decides. */
export function replicasOf(
  count: number | undefined,
  autoscaled: boolean | undefined,
): { replicas?: number } {
  if (count !== undefined) return { replicas: count };
  return autoscaled === true ? {} : { replicas: 1 };
}

/** Where pods may run. */
export function placementOf(
  k8s: KubernetesOverrides,
  nodeSelector: Readonly<Record<string, string>> | undefined,
): object {
  const selected = k8s.nodeSelector ?? nodeSelector;
  return {
    ...(selected === undefined ? {} : { nodeSelector: selected }),
    ...(k8s.tolerations === undefined ? {} : { tolerations: k8s.tolerations }),
    ...(k8s.affinity === undefined ? {} : { affinity: k8s.affinity }),
  };
}

/** Secrets that images are fetched with. */
export function pullSecretsOf(installation: Installation): object {
  const names = installation.values.global?.imagePullSecrets ?? [];
  return names.length === 0 ? {} : { imagePullSecrets: names.map((name) => ({ name })) };
}

/** When images are fetched again. */
export function pullPolicyOf(installation: Installation): Pick<Container, 'imagePullPolicy'> {
  const policy = installation.values.global?.imagePullPolicy ?? '';
  return policy === '' ? {} : { imagePullPolicy: policy };
}

/** Resources of a container; copied, since manifests are not read-only. */
export function resourcesOf(
  resources:
    | {
        readonly requests?: Readonly<Record<string, string>>;
        readonly limits?: Readonly<Record<string, string>>;
      }
    | undefined,
): Pick<Container, 'resources'> {
  if (resources === undefined) return {};
  return {
    resources: {
      ...(resources.requests === undefined ? {} : { requests: { ...resources.requests } }),
      ...(resources.limits === undefined ? {} : { limits: { ...resources.limits } }),
    },
  };
}
