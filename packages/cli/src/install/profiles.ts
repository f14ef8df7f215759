import { istioVersion } from '@lateen/config';
import type { InstallSpec } from './install-spec.ts';

/** Names of the profiles. */
export const profileNames = ['default', 'demo', 'minimal', 'empty'] as const;
export type ProfileName = (typeof profileNames)[number];

const base: InstallSpec = {
  hub: 'docker.io/istio',
  tag: istioVersion,
  namespace: 'istio-system',
  meshConfig: {
    defaultConfig: { proxyMetadata: {} },
    defaultProviders: { metrics: ['prometheus'] },
    enablePrometheusMerge: true,
    extensionProviders: [{ name: 'prometheus', prometheus: {} }],
    trustDomain: 'cluster.local',
  },
  components: {
    base: { enabled: true },
    pilot: { enabled: true },
    ingressGateways: [{ name: 'istio-ingressgateway', enabled: true }],
    egressGateways: [{ name: 'istio-egressgateway', enabled: false }],
  },
  values: {
    global: {
      defaultPodDisruptionBudget: { enabled: true },
      proxy: {
        autoInject: 'enabled',
        clusterDomain: 'cluster.local',
        componentLogLevel: 'misc:error',
        logLevel: 'warning',
        image: 'proxyv2',
        includeIPRanges: '*',
        includeInboundPorts: '*',
        resources: {
          requests: { cpu: '100m', memory: '128Mi' },
          limits: { cpu: '2000m', memory: '1024Mi' },
        },
        startupProbe: { enabled: true },
      },
    },
    pilot: {
      autoscaleEnabled: true,
      autoscaleMin: 1,
      autoscaleMax: 5,
      image: 'pilot',
      resources: { requests: { cpu: '500m', memory: '2048Mi' } },
      traceSampling: 1,
    },
    sidecarInjectorWebhook: { rewriteAppHTTPProbe: true, enableNamespacesByDefault: false },
    gateways: {
      'istio-ingressgateway': gatewayDefaults('LoadBalancer'),
      'istio-egressgateway': gatewayDefaults('ClusterIP'),
    },
  },
};

function gatewayDefaults(type: 'LoadBalancer' | 'ClusterIP'): object {
  return {
    type,
    autoscaleEnabled: true,
    autoscaleMin: 1,
    autoscaleMax: 5,
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2000m', memory: '1024Mi' } },
  };
}

const small = (cpu: string, memory: string): object => ({ requests: { cpu, memory } });

/** What each profile changes. */
const profiles: Readonly<Record<ProfileName, InstallSpec>> = {
  default: {},
  minimal: { components: { ingressGateways: [{ name: 'istio-ingressgateway', enabled: false }] } },
  empty: {
    components: {
      base: { enabled: false },
      pilot: { enabled: false },
      ingressGateways: [{ name: 'istio-ingressgateway', enabled: false }],
    },
  },
  demo: {
    meshConfig: {
      accessLogFile: '/dev/stdout',
      defaultConfig: { tracing: { sampling: 100 } },
    },
    components: { egressGateways: [{ name: 'istio-egressgateway', enabled: true }] },
    values: {
      global: { proxy: { resources: small('10m', '40Mi') } },
      pilot: { autoscaleEnabled: false, traceSampling: 100, resources: small('10m', '100Mi') },
      gateways: {
        'istio-ingressgateway': {
          autoscaleEnabled: false,
          resources: small('10m', '40Mi'),
          ports: [
            { name: 'status-port', port: 15021, targetPort: 15021 },
            { name: 'http2', port: 80, targetPort: 8080 },
            { name: 'https', port: 443, targetPort: 8443 },
            { name: 'tcp', port: 31400, targetPort: 31400 },
            { name: 'tls', port: 15443, targetPort: 15443 },
          ],
        },
        'istio-egressgateway': { autoscaleEnabled: false, resources: small('10m', '40Mi') },
      },
    },
  },
};

/** The two layers that a profile is: what all have, and its own. */
export function profileLayers(name: ProfileName): readonly InstallSpec[] {
  return [base, profiles[name]];
}
