import { sidecarMounts, sidecarVolumes } from '@lateen/control/inject';
import type { KubeObject } from '@lateen/kube';
import { installLabels, roleAndBinding, serviceAccount } from './base-objects.ts';
import type { InstallValues } from './install-values.ts';
import { istiodName } from './istiod-objects.ts';
import { autoscaler, disruptionBudget, imageOf } from './workload-objects.ts';

interface GatewayInput {
  readonly name: string;
  /** Value of the label `istio`, which Gateway objects select by. */
  readonly istioLabel: string;
  readonly component: string;
  readonly serviceType: 'LoadBalancer' | 'ClusterIP';
  readonly ports: readonly { readonly name: string; readonly port: number; readonly targetPort: number }[];
  readonly replicas: number;
}

const fromField = (name: string, fieldPath: string): object => ({
  name,
  valueFrom: { fieldRef: { fieldPath } },
});

function environment(values: InstallValues, gateway: GatewayInput): object[] {
  const { namespace } = values;
  const control = `${istiodName(values)}.${namespace}.svc:15012`;
  const owner = `kubernetes://apis/apps/v1/namespaces/${namespace}/deployments/${gateway.name}`;
  return [
    { name: 'JWT_POLICY', value: 'third-party-jwt' },
    { name: 'PILOT_CERT_PROVIDER', value: 'istiod' },
    { name: 'CA_ADDR', value: control },
    fromField('NODE_NAME', 'spec.nodeName'),
    fromField('POD_NAME', 'metadata.name'),
    fromField('POD_NAMESPACE', 'metadata.namespace'),
    fromField('INSTANCE_IP', 'status.podIP'),
    fromField('HOST_IP', 'status.hostIP'),
    fromField('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    { name: 'PROXY_CONFIG', value: JSON.stringify({ discoveryAddress: control }) },
    { name: 'ISTIO_META_WORKLOAD_NAME', value: gateway.name },
    { name: 'ISTIO_META_OWNER', value: owner },
    { name: 'ISTIO_META_MESH_ID', value: 'cluster.local' },
    { name: 'TRUST_DOMAIN', value: 'cluster.local' },
    { name: 'ISTIO_META_UNPRIVILEGED_POD', value: 'true' },
    { name: 'ISTIO_META_CLUSTER_ID', value: 'Kubernetes' },
  ];
}

function container(values: InstallValues, gateway: GatewayInput): object {
  return {
    name: 'istio-proxy',
    image: imageOf(values, 'proxyv2'),
    args: [
      'proxy',
      'router',
      '--domain',
      '$(POD_NAMESPACE).svc.cluster.local',
      '--proxyLogLevel=warning',
      '--proxyComponentLogLevel=misc:error',
      '--log_output_level=default:info',
    ],
    env: environment(values, gateway),
    ports: [
      ...gateway.ports.map(({ targetPort }) => ({ containerPort: targetPort, protocol: 'TCP' })),
      { containerPort: 15090, protocol: 'TCP', name: 'http-envoy-prom' },
    ],
    readinessProbe: {
      httpGet: { path: '/healthz/ready', port: 15021 },
      initialDelaySeconds: 1,
      periodSeconds: 2,
      failureThreshold: 30,
    },
    resources: { limits: { cpu: '2', memory: '1Gi' }, requests: { cpu: '100m', memory: '128Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: 1337,
      runAsGroup: 1337,
    },
    volumeMounts: sidecarMounts,
  };
}

function gatewayObjects(values: InstallValues, gateway: GatewayInput): KubeObject[] {
  const { name } = gateway;
  const { namespace } = values;
  const selector = { app: name, istio: gateway.istioLabel };
  const labels = { ...installLabels(values, gateway.component), ...selector };
  const account = `${name}-service-account`;
  const podLabels = {
    ...selector,
    'istio.io/rev': values.revision,
    'operator.istio.io/component': gateway.component,
    'service.istio.io/canonical-name': name,
    'service.istio.io/canonical-revision': 'latest',
    'sidecar.istio.io/inject': 'false',
  };
  return [
    serviceAccount(account, namespace, labels),
    ...roleAndBinding({
      name: `${name}-sds`,
      namespace,
      rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'watch', 'list'] }],
      account,
      accountNamespace: namespace,
      labels,
    }),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace, labels },
      spec: {
        type: gateway.serviceType,
        selector,
        ports: gateway.ports.map((port) => ({ ...port, protocol: 'TCP' })),
      },
    },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace, labels },
      spec: {
        replicas: gateway.replicas,
        strategy: { rollingUpdate: { maxSurge: '100%', maxUnavailable: '25%' } },
        selector: { matchLabels: selector },
        template: {
          metadata: {
            labels: podLabels,
            annotations: {
              'prometheus.io/path': '/stats/prometheus',
              'prometheus.io/port': '15020',
              'prometheus.io/scrape': 'true',
              'sidecar.istio.io/inject': 'false',
            },
          },
          spec: {
            serviceAccountName: account,
            securityContext: { runAsUser: 1337, runAsGroup: 1337, runAsNonRoot: true, fsGroup: 1337 },
            containers: [container(values, gateway)],
            volumes: sidecarVolumes(),
          },
        },
      },
    },
    autoscaler(name, values, labels),
    disruptionBudget(name, values, labels, selector),
  ];
}

/** The gateway through which the outside reaches the mesh. */
export function ingressGatewayObjects(values: InstallValues): KubeObject[] {
  return gatewayObjects(values, {
    name: 'istio-ingressgateway',
    istioLabel: 'ingressgateway',
    component: 'IngressGateways',
    serviceType: 'LoadBalancer',
    replicas: values.ingressGateway.replicas,
    ports: [
      { name: 'status-port', port: 15021, targetPort: 15021 },
      { name: 'http2', port: 80, targetPort: 8080 },
      { name: 'https', port: 443, targetPort: 8443 },
      { name: 'tcp', port: 31400, targetPort: 31400 },
      { name: 'tls', port: 15443, targetPort: 15443 },
    ],
  });
}

/** The gateway through which the mesh reaches the outside. */
export function egressGatewayObjects(values: InstallValues): KubeObject[] {
  return gatewayObjects(values, {
    name: 'istio-egressgateway',
    istioLabel: 'egressgateway',
    component: 'EgressGateways',
    serviceType: 'ClusterIP',
    replicas: values.egressGateway.replicas,
    ports: [
      { name: 'http2', port: 80, targetPort: 8080 },
      { name: 'https', port: 443, targetPort: 8443 },
    ],
  });
}
