import { isObject, type ConfigObject } from '@lateen/config';
import { configId, fullHost, type MeshConfig } from '../config/mesh-config.ts';
import { hostsOf } from './host-index.ts';
import { hasLabels, type App } from './workloads.ts';

/** Kinds that hold for the workloads that they select, or for their whole namespace. */
const workloadKinds: ReadonlySet<string> = new Set([
  'Sidecar',
  'AuthorizationPolicy',
  'PeerAuthentication',
  'RequestAuthentication',
  'Telemetry',
  'EnvoyFilter',
  'WasmPlugin',
  'ProxyConfig',
]);

/** Ids of the configuration that has to do with an application. */
export function touchingConfig(app: App, config: MeshConfig): string[] {
  const hosts = new Set(hostsOf(app));
  return config.view.configs
    .filter((object) => touches(object, app, hosts, config))
    .map(({ kind, metadata }) => configId(kind, metadata.namespace, metadata.name))
    .sort();
}

function touches(object: ConfigObject, app: App, hosts: ReadonlySet<string>, config: MeshConfig): boolean {
  const { namespace, name } = object.metadata;
  switch (object.kind) {
    case 'VirtualService': {
      const rules = config.rulesOf.get(configId(object.kind, namespace, name)) ?? [];
      return (
        (object.spec.hosts ?? []).some((host) => hosts.has(fullHost(host, namespace))) ||
        rules.some(({ destinations }) => destinations.some(({ host }) => hosts.has(host)))
      );
    }
    case 'DestinationRule':
      return hosts.has(fullHost(object.spec.host, namespace));
    case 'ServiceEntry':
      return object.spec.hosts.some((host) => hosts.has(host));
    case 'Gateway':
      return selectsPods(object.spec.selector ?? {}, app);
    default: {
      if (!workloadKinds.has(object.kind)) return false;
      const selector = selectorOf(object.spec);
      if (namespace !== app.namespace) return namespace === 'istio-system' && selector === undefined;
      return selector === undefined || selectsPods(selector, app);
    }
  }
}

function selectsPods(labels: Readonly<Record<string, string>>, app: App): boolean {
  return app.versions.some(({ pods }) => pods.some((pod) => hasLabels(pod, labels)));
}

function selectorOf(spec: unknown): Record<string, string> | undefined {
  if (!isObject(spec)) return undefined;
  const { selector, workloadSelector } = spec;
  if (isObject(selector) && isObject(selector['matchLabels'])) {
    return selector['matchLabels'] as Record<string, string>;
  }
  if (isObject(workloadSelector) && isObject(workloadSelector['labels'])) {
    return workloadSelector['labels'] as Record<string, string>;
  }
  return undefined;
}
