import { stringify } from 'yaml';
import { renderInjectorConfig } from '@lateen/control/inject';
import type { KubeObject } from '@lateen/kube';
import { installLabels } from './base-objects.ts';
import type { InstallValues } from './install-values.ts';
import { autoscaler, disruptionBudget, imageOf } from './workload-objects.ts';

/** `istiod`, with the revision where there is one. */
export function istiodName(values: InstallValues): string {
  return values.revision === 'default' ? 'istiod' : `istiod-${values.revision}`;
}

function configMaps(values: InstallValues, labels: Record<string, string>): KubeObject[] {
  const suffix = values.revision === 'default' ? '' : `-${values.revision}`;
  const { namespace } = values;
  const discoveryAddress = `${istiodName(values)}.${namespace}.svc:15012`;
  const { defaultConfig, ...meshConfig } = values.meshConfig;
  const mesh = {
    defaultConfig: { discoveryAddress, ...(defaultConfig as object | undefined) },
    enablePrometheusMerge: true,
    rootNamespace: namespace,
    trustDomain: 'cluster.local',
    ...meshConfig,
  };
  const { global, ...rest } = values.values as { readonly global?: Record<string, unknown> };
  const injector = renderInjectorConfig({
    ...rest,
    global: { hub: values.hub, tag: values.tag, istioNamespace: namespace, ...global },
    revision: values.revision === 'default' ? '' : values.revision,
  });
  return [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `istio${suffix}`, namespace, labels },
      data: { mesh: stringify(mesh), meshNetworks: 'networks: {}\n' },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `istio-sidecar-injector${suffix}`, namespace, labels },
      data: { ...injector },
    },
  ];
}

const ports = [
  { name: 'grpc-xds', port: 15010, protocol: 'TCP' },
  { name: 'https-dns', port: 15012, protocol: 'TCP' },
  { name: 'https-webhook', port: 443, targetPort: 15017, protocol: 'TCP' },
  { name: 'http-monitoring', port: 15014, protocol: 'TCP' },
];

function deployment(values: InstallValues, labels: Record<string, string>): KubeObject {
  const name = istiodName(values);
  const podLabels = { app: 'istiod', istio: 'pilot', 'istio.io/rev': values.revision };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: values.namespace, labels: { ...labels, istio: 'pilot' } },
    spec: {
      replicas: values.pilot.replicas,
      strategy: { rollingUpdate: { maxSurge: '100%', maxUnavailable: '25%' } },
      selector: { matchLabels: { app: 'istiod', 'istio.io/rev': values.revision } },
      template: {
        metadata: {
          labels: { ...podLabels, [inject]: 'false', 'operator.istio.io/component': 'Pilot' },
          annotations: { 'prometheus.io/port': '15014', 'prometheus.io/scrape': 'true', [inject]: 'false' },
        },
        spec: {
          serviceAccountName: 'istiod',
          containers: [
            {
              name: 'discovery',
              image: imageOf(values, 'pilot'),
              args: [
                'discovery',
                '--monitoringAddr=:15014',
                '--log_output_level=default:info',
                '--domain',
                'cluster.local',
                '--keepaliveMaxServerConnectionAge',
                '30m',
              ],
              ports: [8080, 15010, 15012, 15014, 15017].map((containerPort) => ({
                containerPort,
                protocol: 'TCP',
              })),
              readinessProbe: {
                httpGet: { path: '/ready', port: 8080 },
                periodSeconds: 3,
                timeoutSeconds: 5,
              },
              env: [
                { name: 'REVISION', value: values.revision },
                { name: 'PILOT_CERT_PROVIDER', value: 'istiod' },
                { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
                { name: 'POD_NAMESPACE', valueFrom: { fieldRef: { fieldPath: 'metadata.namespace' } } },
                {
                  name: 'SERVICE_ACCOUNT',
                  valueFrom: { fieldRef: { fieldPath: 'spec.serviceAccountName' } },
                },
                { name: 'CLUSTER_ID', value: 'Kubernetes' },
              ],
              resources: { requests: { cpu: '100m', memory: '128Mi' } },
              securityContext: {
                allowPrivilegeEscalation: false,
                capabilities: { drop: ['ALL'] },
                readOnlyRootFilesystem: true,
                runAsNonRoot: true,
                runAsUser: 1337,
                runAsGroup: 1337,
              },
            },
          ],
        },
      },
    },
  };
}

const inject = 'sidecar.istio.io/inject';

/** The control plane: its settings, Deployment and Service. */
export function istiodObjects(values: InstallValues): KubeObject[] {
  const name = istiodName(values);
  const labels = { ...installLabels(values, 'Pilot'), app: 'istiod' };
  const selector = { app: 'istiod', 'istio.io/rev': values.revision };
  return [
    ...configMaps(values, labels),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace: values.namespace, labels: { ...labels, istio: 'pilot' } },
      spec: { ports, selector },
    },
    deployment(values, labels),
    autoscaler(name, values, labels),
    disruptionBudget(name, values, labels, selector),
  ];
}
