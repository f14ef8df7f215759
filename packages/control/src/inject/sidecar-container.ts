import type { ProxySettings } from '@lateen/config';
import type { Container, ContainerSecurityContext, EnvVar, Pod } from '@lateen/kube';
import type { AppProbers } from './app-probes.ts';
import { proxyImage, type InjectionValues } from './injection-values.ts';
import type { Interception } from './interception.ts';
import { ownerUrl, type WorkloadIdentity } from './workload.ts';

/** All that the containers of the sidecar depend on. */
export interface SidecarInput {
  readonly pod: Pick<Pod, 'metadata' | 'spec'>;
  readonly namespace: string;
  readonly workload: WorkloadIdentity;
  readonly values: InjectionValues;
  readonly interception: Interception;
  readonly proxySettings: ProxySettings;
  readonly probers: AppProbers;
  readonly trustDomain: string;
  readonly native: boolean;
  readonly logLevel: string;
  readonly componentLogLevel: string;
  readonly agentLogLevel: string;
  readonly resources: Container['resources'];
  /** Prometheus annotations of the application, where its metrics are merged. */
  readonly prometheus: { readonly scrape: string; readonly path: string; readonly port: string } | undefined;
}

/** The container `istio-proxy`. */
export function sidecarContainer(input: SidecarInput): Container {
  const { values, proxySettings } = input;
  const statusPort = proxySettings.statusPort ?? 15020;
  return {
    name: 'istio-proxy',
    image: proxyImage(values),
    ...(values.imagePullPolicy === '' ? {} : { imagePullPolicy: values.imagePullPolicy }),
    ...(input.native ? { restartPolicy: 'Always' as const } : {}),
    args: [
      'proxy',
      'sidecar',
      '--domain',
      `$(POD_NAMESPACE).svc.${values.clusterDomain}`,
      `--proxyLogLevel=${input.logLevel}`,
      `--proxyComponentLogLevel=${input.componentLogLevel}`,
      `--log_output_level=${input.agentLogLevel}`,
    ],
    env: sidecarEnvironment(input),
    ports: [{ containerPort: 15090, name: 'http-envoy-prom', protocol: 'TCP' }],
    ...sidecarLifecycle(input, statusPort),
    ...(values.startupProbe
      ? { startupProbe: { ...readyCheck, periodSeconds: 1, timeoutSeconds: 3, failureThreshold: 600 } }
      : {}),
    readinessProbe: { ...readyCheck, periodSeconds: 15, timeoutSeconds: 3, failureThreshold: 4 },
    ...(input.resources === undefined ? {} : { resources: input.resources }),
    securityContext: sidecarSecurity(input.interception),
    volumeMounts: sidecarMounts,
  };
}

const readyCheck = { httpGet: { path: '/healthz/ready', port: 15021 } };

/** What the sidecar mounts; {@link sidecarVolumes} has the volumes. */
export const sidecarMounts = [
  { name: 'istiod-ca-cert', mountPath: '/var/run/secrets/istio' },
  { name: 'istio-data', mountPath: '/var/lib/istio/data' },
  { name: 'istio-envoy', mountPath: '/etc/istio/proxy' },
  { name: 'istio-token', mountPath: '/var/run/secrets/tokens' },
  { name: 'istio-podinfo', mountPath: '/etc/istio/pod' },
];

function sidecarLifecycle(input: SidecarInput, statusPort: number): Pick<Container, 'lifecycle'> {
  if (input.native) {
    const drain = ['pilot-agent', 'request', `--debug-port=${statusPort}`, 'POST', 'drain'];
    return { lifecycle: { preStop: { exec: { command: drain } } } };
  }
  if (input.proxySettings.holdApplicationUntilProxyStarts === true) {
    return { lifecycle: { postStart: { exec: { command: ['pilot-agent', 'wait'] } } } };
  }
  return {};
}

function sidecarSecurity(interception: Interception): ContainerSecurityContext {
  const transparent = interception.mode === 'TPROXY';
  return {
    allowPrivilegeEscalation: false,
    capabilities: transparent ? { add: ['NET_ADMIN'], drop: ['ALL'] } : { drop: ['ALL'] },
    privileged: false,
    readOnlyRootFilesystem: true,
    runAsGroup: 1337,
    runAsNonRoot: !transparent,
    runAsUser: transparent ? 0 : 1337,
  };
}

function fromField(name: string, fieldPath: string): EnvVar {
  return { name, valueFrom: { fieldRef: { fieldPath } } };
}

function sidecarEnvironment(input: SidecarInput): EnvVar[] {
  const { values, pod, namespace, workload, proxySettings } = input;
  const applications = pod.spec.containers.filter((container) => container.name !== 'istio-proxy');
  const caAddress = values.caAddress === '' ? discoveryAddress(values, proxySettings) : values.caAddress;
  const ports = applications.flatMap((container) =>
    (container.ports ?? []).map(({ name, containerPort, protocol }) => ({
      ...(name === undefined ? {} : { name }),
      containerPort,
      protocol: protocol ?? 'TCP',
    })),
  );
  const metadata: [string, string | undefined][] = [
    ['ISTIO_META_POD_PORTS', JSON.stringify(ports)],
    ['ISTIO_META_APP_CONTAINERS', applications.map((container) => container.name).join(',')],
    ['ISTIO_META_CLUSTER_ID', values.clusterName],
    ['ISTIO_META_INTERCEPTION_MODE', input.interception.mode],
    ['ISTIO_META_NETWORK', values.network === '' ? undefined : values.network],
    ['ISTIO_META_WORKLOAD_NAME', workload.name],
    ['ISTIO_META_OWNER', ownerUrl(workload, namespace)],
    ['ISTIO_META_MESH_ID', values.meshId === '' ? input.trustDomain : values.meshId],
    ['TRUST_DOMAIN', input.trustDomain],
    [
      'ISTIO_KUBE_APP_PROBERS',
      Object.keys(input.probers).length === 0 ? undefined : JSON.stringify(input.probers),
    ],
    [
      'ISTIO_PROMETHEUS_ANNOTATIONS',
      input.prometheus === undefined ? undefined : JSON.stringify(input.prometheus),
    ],
  ];
  const given = new Set(metadata.map(([name]) => name));
  return [
    { name: 'JWT_POLICY', value: 'third-party-jwt' },
    { name: 'PILOT_CERT_PROVIDER', value: values.certificateProvider },
    { name: 'CA_ADDR', value: caAddress },
    fromField('POD_NAME', 'metadata.name'),
    fromField('POD_NAMESPACE', 'metadata.namespace'),
    fromField('INSTANCE_IP', 'status.podIP'),
    fromField('SERVICE_ACCOUNT', 'spec.serviceAccountName'),
    fromField('HOST_IP', 'status.hostIP'),
    fromField('ISTIO_META_NODE_NAME', 'spec.nodeName'),
    { name: 'PROXY_CONFIG', value: JSON.stringify(proxySettings) },
    ...metadata.flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }])),
    ...Object.entries(proxySettings.proxyMetadata ?? {}).flatMap(([name, value]) =>
      given.has(name) ? [] : [{ name, value }],
    ),
    ...values.extraEnv,
  ];
}

/** Where the sidecar finds the control plane. */
function discoveryAddress(values: InjectionValues, settings: ProxySettings): string {
  return settings.discoveryAddress ?? `${controlPlaneHost(values)}:15012`;
}

/** Name of the control plane's Service. */
export function controlPlaneHost(values: Pick<InjectionValues, 'istioNamespace' | 'revision'>): string {
  const suffix = values.revision === '' || values.revision === 'default' ? '' : `-${values.revision}`;
  return `istiod${suffix}.${values.istioNamespace}.svc`;
}
