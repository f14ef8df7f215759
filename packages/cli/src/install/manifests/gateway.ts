import { sidecarMounts, sidecarVolumes } from '@lateen/control/inject';
import type { Container, EnvVar, KubeObject, Volume } from '@lateen/kube';
import type { GatewayComponentSpec, InstallValues } from '../install-spec.ts';
import { ownLabels, revisioned } from '../install-names.ts';
import type { Installation } from '../resolve-install.ts';
import { binding, role } from './base.ts';
import { placementOf, pullPolicyOf, pullSecretsOf, replicasOf, resourcesOf } from './istiod.ts';
import { disruptionBudget, podAutoscaler } from './scaling.ts';

/** Into the mesh or out of it. */
export type GatewayDirection = 'ingress' | 'egress';

type GatewayValues = NonNullable<NonNullable<InstallValues['gateways']>['istio-ingressgateway']>;

interface GatewayContext {
  readonly installation: Installation;
  readonly direction: GatewayDirection;
  readonly component: GatewayComponentSpec;
  readonly name: string;
  readonly namespace: string;
  readonly values: GatewayValues;
  readonly labels: Record<string, string>;
}

/** Everything that a gateway consists of. */
export function gatewayManifests(
  installation: Installation,
  direction: GatewayDirection,
  component: GatewayComponentSpec,
): KubeObject[] {
  const name = component.name ?? `istio-${direction}gateway`;
  const context: GatewayContext = {
    installation,
    direction,
    component,
    name,
    namespace: component.namespace ?? installation.namespace,
    values: installation.values.gateways?.[`istio-${direction}gateway`] ?? {},
    labels: { app: name, istio: `${direction}gateway`, ...component.label },
  };
  const owned = ownLabels(installation, componentName(direction));
  const target = {
    name,
    namespace: context.namespace,
    labels: { ...context.labels, ...owned },
    selector: { app: name, istio: context.labels['istio'] ?? '' },
  };
  const autoscaler = podAutoscaler(target, context.values, component.k8s?.hpaSpec);
  const budget =
    installation.values.global?.defaultPodDisruptionBudget?.enabled === true
      ? disruptionBudget(target)
      : undefined;
  return [
    ...(autoscaler === undefined ? [] : [autoscaler]),
    gatewayDeployment(context, target.selector),
    ...(budget === undefined ? [] : [budget]),
    role(
      'Role',
      `${name}-sds`,
      context.namespace,
      [{ apiGroups: [''], resources: ['secrets'], verbs: ['get', 'watch', 'list'] }],
      installation,
      name,
    ),
    binding('RoleBinding', `${name}-sds`, context.namespace, installation, name, {
      role: `${name}-sds`,
      account: accountOf(name),
      accountNamespace: context.namespace,
    }),
    gatewayService(context, target.selector),
    {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: accountOf(name), namespace: context.namespace, labels: target.labels },
    },
  ];
}

function componentName(direction: GatewayDirection): string {
  return direction === 'ingress' ? 'IngressGateways' : 'EgressGateways';
}

function accountOf(name: string): string {
  return `${name}-service-account`;
}

const standardPorts = {
  ingress: [
    { name: 'status-port', port: 15021, targetPort: 15021 },
    { name: 'http2', port: 80, targetPort: 8080 },
    { name: 'https', port: 443, targetPort: 8443 },
  ],
  egress: [
    { name: 'http2', port: 80, targetPort: 8080 },
    { name: 'https', port: 443, targetPort: 8443 },
  ],
} as const;

function gatewayService(context: GatewayContext, selector: Record<string, string>): KubeObject {
  const { component, values, direction } = context;
  const overrides = component.k8s?.service ?? {};
  const { type: _type, ports: _ports, ...rest } = overrides;
  const ports = overrides.ports ?? values.ports ?? standardPorts[direction];
  const annotations = { ...values.serviceAnnotations, ...component.k8s?.serviceAnnotations };
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: context.name,
      namespace: context.namespace,
      labels: { ...context.labels, ...ownLabels(context.installation, componentName(direction)) },
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    spec: {
      type: overrides.type ?? values.type ?? (direction === 'ingress' ? 'LoadBalancer' : 'ClusterIP'),
      selector,
      ports: ports.map((port) => ({ protocol: 'TCP', ...port })),
      ...rest,
    },
  };
}

function gatewayDeployment(context: GatewayContext, selector: Record<string, string>): KubeObject {
  const { installation, component, values, name } = context;
  const k8s = component.k8s ?? {};
  const podLabels = {
    ...context.labels,
    ...values.labels,
    ...ownLabels(installation, componentName(context.direction)),
    'service.istio.io/canonical-name': name,
    'service.istio.io/canonical-revision': 'latest',
    'sidecar.istio.io/inject': 'false',
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name,
      namespace: context.namespace,
      labels: { ...context.labels, ...ownLabels(installation, componentName(context.direction)) },
    },
    spec: {
      ...replicasOf(k8s.replicaCount, values.autoscaleEnabled),
      strategy: { rollingUpdate: { maxSurge: '100%', maxUnavailable: '25%' } },
      selector: { matchLabels: selector },
      template: {
        metadata: {
          labels: podLabels,
          annotations: {
            'istio.io/rev': installation.revision,
            'prometheus.io/path': '/stats/prometheus',
            'prometheus.io/port': '15020',
            'prometheus.io/scrape': 'true',
            'sidecar.istio.io/inject': 'false',
            ...values.podAnnotations,
            ...k8s.podAnnotations,
          },
        },
        spec: {
          serviceAccountName: accountOf(name),
          securityContext: { runAsUser: 1337, runAsGroup: 1337, runAsNonRoot: true, fsGroup: 1337 },
          ...placementOf(k8s, values.nodeSelector),
          ...pullSecretsOf(installation),
          containers: [gatewayContainer(context)],
          volumes: gatewayVolumes(context),
        },
      },
    },
  };
}

function gatewayContainer(context: GatewayContext): Container {
  const { installation, component, values } = context;
  const proxy = installation.values.global?.proxy ?? {};
  const image = proxy.image ?? 'proxyv2';
  return {
    name: 'istio-proxy',
    image: image.includes('/') ? image : `${installation.hub}/${image}:${installation.tag}`,
    ...pullPolicyOf(installation),
    args: [
      'proxy',
      'router',
      '--domain',
      `$(POD_NAMESPACE).svc.${proxy.clusterDomain ?? 'cluster.local'}`,
      `--proxyLogLevel=${proxy.logLevel ?? 'warning'}`,
      `--proxyComponentLogLevel=${proxy.componentLogLevel ?? 'misc:error'}`,
      `--log_output_level=${installation.values.global?.logging?.level || 'default:info'}`,
    ],
    ports: [15021, 8080, 8443, 31400, 15443]
      .map((containerPort): NonNullable<Container['ports']>[number] => ({ containerPort, protocol: 'TCP' }))
      .concat({ containerPort: 15090, protocol: 'TCP', name: 'http-envoy-prom' }),
    readinessProbe: {
      httpGet: { path: '/healthz/ready', port: 15021, scheme: 'HTTP' },
      periodSeconds: 2,
      timeoutSeconds: 1,
      failureThreshold: 30,
    },
    env: gatewayEnvironment(context),
    ...resourcesOf(component.k8s?.resources ?? values.resources),
    securityContext: {
      allowPrivilegeEscalation: false,
      privileged: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts: [
      ...sidecarMounts,
      { name: 'config-volume', mountPath: '/etc/istio/config' },
      ...['certs', 'ca-certs'].map((part) => ({
        name: `${context.direction}gateway-${part}`,
        mountPath: `/etc/istio/${context.direction}gateway-${part}`,
        readOnly: true,
      })),
    ],
  };
}

function gatewayVolumes(context: GatewayContext): Volume[] {
  const { direction, installation } = context;
  return [
    ...sidecarVolumes(),
    { name: 'config-volume', configMap: { name: revisioned('istio', installation), optional: true } },
    ...['certs', 'ca-certs'].map((part) => ({
      name: `${direction}gateway-${part}`,
      secret: { secretName: `istio-${direction}gateway-${part}`, optional: true },
    })),
  ];
}

function gatewayEnvironment(context: GatewayContext): EnvVar[] {
  const { installation, name, namespace } = context;
  const { global = {} } = installation.values;
  const fromField = (variable: string, fieldPath: string): EnvVar => ({
    name: variable,
    valueFrom: { fieldRef: { fieldPath } },
  });
  const trustDomain = installation.meshConfig.trustDomain ?? 'cluster.local';
  const control = `${revisioned('istiod', installation)}.${installation.namespace}.svc:15012`;
  const own = Object.entries({
    ISTIO_META_UNPRIVILEGED_POD: 'true',
    ISTIO_META_CLUSTER_ID: global.multiCluster?.clusterName || 'Kubernetes',
    ISTIO_META_WORKLOAD_NAME: name,
    ISTIO_META_OWNER: `kubernetes://apis/apps/v1/namespaces/${namespace}/deployments/${name}`,
    ISTIO_META_MESH_ID: global.meshID || trustDomain,
    TRUST_DOMAIN: trustDomain,
    ...(global.network === undefined || global.network === '' ? {} : { ISTIO_META_NETWORK: global.network }),
    ...installation.meshConfig.defaultConfig?.proxyMetadata,
  }).map(([variable, value]) => ({ name: variable, value }));
  const extra = (context.component.k8s?.env ?? []) as unknown as EnvVar[];
  return [
    { name: 'JWT_POLICY', value: 'third-party-jwt' },
    { name: 'PILOT_CERT_PROVIDER', value: global.pilotCertProvider ?? 'istiod' },
    { name: 'CA_ADDR', value: global.caAddress || control },
    fromField('NODE_NAME', 'spec.nodeName'),
    fromField('POD_NAME', 'metadata.name'),
    fromField('POD_NAMESPACE', 'metadata.namespace'),
    fromField('INSTANCE_IP', 'status.podIP'),
    fromField('HOST_IP', 'status.hostIP'),
    fromField('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    { name: 'PROXY_CONFIG', value: JSON.stringify(installation.meshConfig.defaultConfig ?? {}) },
    ...own,
    fromField('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    ...extra,
  ];
}
