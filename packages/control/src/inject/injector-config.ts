import { isObject, parseManifests } from '@lateen/config';
import { ok, problem, problems as failed, type Result } from '@lateen/core';
import type { LabelSelector } from '@lateen/kube';
import { defaultInjectionValues, type InjectionValues } from './injection-values.ts';

/** The data of ConfigMap `istio-sidecar-injector`, as it stands there. */
export interface InjectorConfig {
  /** YAML: policy, selectors, annotations. */
  readonly config: string;
  /** JSON: the installation's values. */
  readonly values: string;
}

/**
 * Reads the data of ConfigMap `istio-sidecar-injector` in the form that Istio's installation writes.
 *
 * Templates in it are not used: the template is the one that this package has.
 */
export function readInjectorConfig(data: Partial<InjectorConfig>): Result<InjectionValues> {
  const config = readYaml(data.config ?? '', 'config');
  if (!config.ok) return config;
  const values = readYaml(data.values ?? '', 'values');
  if (!values.ok) return values;

  const standard = defaultInjectionValues;
  const global = new Values(values.value['global']);
  const proxy = global.inner('proxy');
  const webhook = new Values(values.value['sidecarInjectorWebhook']);
  const top = new Values(values.value);
  const said = new Values(config.value);
  const policy = said.text('policy', standard.policy);
  if (policy !== 'enabled' && policy !== 'disabled') {
    return problem('config.policy', `must be enabled or disabled, not "${policy}"`);
  }
  const selectors = (key: 'neverInjectSelector' | 'alwaysInjectSelector'): LabelSelector[] => [
    ...said.list<LabelSelector>(key),
    ...webhook.list<LabelSelector>(key),
  ];
  const resources = proxy.inner('resources').raw;
  return ok({
    hub: global.text('hub', standard.hub),
    tag: global.text('tag', standard.tag),
    image: proxy.text('image', standard.image),
    imagePullPolicy: pullPolicy(global.text('imagePullPolicy', '')),
    imagePullSecrets: global.list<string>('imagePullSecrets'),
    istioNamespace: global.text('istioNamespace', standard.istioNamespace),
    revision: top.text('revision', '') || standard.revision,
    policy,
    neverInjectSelector: selectors('neverInjectSelector'),
    alwaysInjectSelector: selectors('alwaysInjectSelector'),
    injectedAnnotations: said.texts('injectedAnnotations'),
    rewriteAppHttpProbe: webhook.flag('rewriteAppHTTPProbe', standard.rewriteAppHttpProbe),
    clusterDomain: proxy.text('clusterDomain', standard.clusterDomain),
    clusterName: global.inner('multiCluster').text('clusterName', '') || standard.clusterName,
    meshId: global.text('meshID', standard.meshId),
    network: global.text('network', standard.network),
    caAddress: global.text('caAddress', standard.caAddress),
    certificateProvider: global.text('pilotCertProvider', standard.certificateProvider),
    logLevel: proxy.text('logLevel', standard.logLevel),
    componentLogLevel: proxy.text('componentLogLevel', standard.componentLogLevel),
    agentLogLevel: global.inner('logging').text('level', '') || standard.agentLogLevel,
    includeInboundPorts: proxy.text('includeInboundPorts', standard.includeInboundPorts),
    excludeInboundPorts: proxy.text('excludeInboundPorts', standard.excludeInboundPorts),
    includeOutboundPorts: proxy.text('includeOutboundPorts', standard.includeOutboundPorts),
    excludeOutboundPorts: proxy.text('excludeOutboundPorts', standard.excludeOutboundPorts),
    includeIpRanges: proxy.text('includeIPRanges', standard.includeIpRanges),
    excludeIpRanges: proxy.text('excludeIPRanges', standard.excludeIpRanges),
    resources: Object.keys(resources).length === 0 ? standard.resources : resources,
    startupProbe: proxy.inner('startupProbe').flag('enabled', standard.startupProbe),
    nativeSidecars: top.inner('pilot').inner('env').text('ENABLE_NATIVE_SIDECARS', 'false') === 'true',
    cni: top.inner('pilot').inner('cni').flag('enabled', standard.cni),
    extraEnv: [],
  });
}

/** The data of ConfigMap `istio-sidecar-injector` for the values of an installation. */
export function renderInjectorConfig(values: Readonly<Record<string, unknown>>): InjectorConfig {
  const webhook = new Values(values['sidecarInjectorWebhook']);
  const proxy = new Values(values['global']).inner('proxy');
  const config = {
    defaultTemplates: ['sidecar'],
    policy: proxy.text('autoInject', 'enabled'),
    alwaysInjectSelector: webhook.list('alwaysInjectSelector'),
    neverInjectSelector: webhook.list('neverInjectSelector'),
    injectedAnnotations: webhook.texts('injectedAnnotations'),
  };
  const { global, sidecarInjectorWebhook, revision, pilot } = values;
  return {
    config: JSON.stringify(config, undefined, 2),
    values: JSON.stringify({ global, sidecarInjectorWebhook, revision, pilot }, undefined, 2),
  };
}

function readYaml(text: string, file: string): Result<Record<string, unknown>> {
  const { documents, problems } = parseManifests(text, file);
  return problems.length > 0 ? failed(problems) : ok(documents[0]?.object ?? {});
}

function pullPolicy(policy: string): InjectionValues['imagePullPolicy'] {
  return policy === 'Always' || policy === 'IfNotPresent' || policy === 'Never' ? policy : '';
}

/** Values by name; what has another type than the one asked for counts as absent. */
class Values {
  readonly raw: Record<string, unknown>;

  constructor(value: unknown) {
    this.raw = isObject(value) ? value : {};
  }

  inner(key: string): Values {
    return new Values(this.raw[key]);
  }

  text(key: string, absent: string): string {
    const value = this.raw[key];
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      ? String(value)
      : absent;
  }

  flag(key: string, absent: boolean): boolean {
    const value = this.raw[key];
    return typeof value === 'boolean' ? value : absent;
  }

  list<T>(key: string): T[] {
    const value = this.raw[key];
    return Array.isArray(value) ? value : [];
  }

  texts(key: string): Record<string, string> {
    return Object.fromEntries(
      Object.entries(this.inner(key).raw).map(([name, value]) => [name, String(value)]),
    );
  }
}
