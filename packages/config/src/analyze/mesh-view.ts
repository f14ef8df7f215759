import { decodeConfig } from '../decode-config.ts';
import { configKindOf } from '../kinds/config-kinds.ts';
import type {
  ConfigObject,
  DestinationRule,
  Gateway,
  ServiceEntry,
  VirtualService,
} from '../kinds/config-object.ts';
import { isObject } from '../schema/check-shape.ts';
import { fullHost } from './host-name.ts';
import { message, type Message, type ObjectName } from './message.ts';

/** A Service, as far as analyzers read it. */
export interface ServiceView {
  readonly name: ObjectName;
  readonly host: string;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly {
    readonly name: string | undefined;
    readonly port: number;
    readonly protocol: string | undefined;
    readonly appProtocol: string | undefined;
    readonly targetPort: number | string | undefined;
  }[];
}

/** A pod, or the template of a Deployment. */
export interface PodView {
  readonly name: ObjectName;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly containers: readonly string[];
  readonly hostNetwork: boolean;
}

export interface NamespaceView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Everything that analyzers look at. */
export interface MeshView {
  readonly domain: string;
  /** All valid configuration. */
  readonly configs: readonly ConfigObject[];
  readonly virtualServices: readonly VirtualService[];
  readonly destinationRules: readonly DestinationRule[];
  readonly gateways: readonly Gateway[];
  readonly serviceEntries: readonly ServiceEntry[];
  readonly services: readonly ServiceView[];
  readonly pods: readonly PodView[];
  readonly deployments: readonly PodView[];
  readonly namespaces: readonly NamespaceView[];
  /** False where only some files are looked at: then what is missing may be in the cluster. */
  readonly complete: boolean;
}

export interface MeshViewOptions {
  readonly domain?: string;
  /** Whether the objects are all that there are; default true. */
  readonly complete?: boolean;
  /** Namespace of objects that name none; default `default`. */
  readonly defaultNamespace?: string;
}

/** Decodes objects into a view; what cannot be decoded becomes messages of code IST0106. */
export function meshView(
  objects: readonly unknown[],
  options: MeshViewOptions = {},
): { readonly view: MeshView; readonly messages: readonly Message[] } {
  const { domain = 'cluster.local', complete = true, defaultNamespace = 'default' } = options;
  const messages: Message[] = [];
  const configs: ConfigObject[] = [];
  const services: ServiceView[] = [];
  const pods: PodView[] = [];
  const deployments: PodView[] = [];
  const namespaces: NamespaceView[] = [];
  for (const object of objects) {
    if (!isObject(object)) continue;
    const name = nameOf(object, defaultNamespace);
    if (configKindOf(String(object['apiVersion']), String(object['kind'])) !== undefined) {
      const decoded = decodeConfig(withNamespace(object, name.namespace));
      if (decoded.ok) configs.push(decoded.value);
      else messages.push(...decoded.problems.map((p) => message('IST0106', name, p.path, p.message)));
      continue;
    }
    switch (object['kind']) {
      case 'Service':
        services.push(serviceView(object, name, domain));
        break;
      case 'Pod':
        pods.push(podView(object, name));
        break;
      case 'Deployment':
        deployments.push(podView(inner(object, 'spec', 'template'), name));
        break;
      case 'Namespace':
        namespaces.push({ name: name.name, labels: texts(inner(object, 'metadata')['labels']) });
        break;
      default:
    }
  }
  const ofKind = <K extends ConfigObject['kind']>(kind: K): Extract<ConfigObject, { kind: K }>[] =>
    configs.filter((config): config is Extract<ConfigObject, { kind: K }> => config.kind === kind);
  const view: MeshView = {
    domain,
    complete,
    configs,
    services,
    pods,
    deployments,
    namespaces,
    virtualServices: ofKind('VirtualService'),
    destinationRules: ofKind('DestinationRule'),
    gateways: ofKind('Gateway'),
    serviceEntries: ofKind('ServiceEntry'),
  };
  return { view, messages };
}

/** True where all labels that are wanted are among those of a pod; where none is wanted, of every pod. */
export function carries(
  { labels }: Pick<PodView, 'labels'>,
  wanted: Readonly<Record<string, string>> | undefined,
): boolean {
  return Object.entries(wanted ?? {}).every(([key, value]) => labels[key] === value);
}

/** The name of a configuration object, for a message. */
export function configName(config: ConfigObject): ObjectName {
  return { kind: config.kind, namespace: config.metadata.namespace ?? 'default', name: config.metadata.name };
}

function nameOf(object: Record<string, unknown>, defaultNamespace: string): ObjectName {
  const metadata = inner(object, 'metadata');
  const kind = String(object['kind']);
  const namespace = typeof metadata['namespace'] === 'string' ? metadata['namespace'] : defaultNamespace;
  return { kind, namespace: kind === 'Namespace' ? '' : namespace, name: textOf(metadata['name']) ?? '' };
}

function withNamespace(object: Record<string, unknown>, namespace: string): Record<string, unknown> {
  const metadata = inner(object, 'metadata');
  return metadata['namespace'] === undefined ? { ...object, metadata: { ...metadata, namespace } } : object;
}

function serviceView(object: Record<string, unknown>, name: ObjectName, domain: string): ServiceView {
  const spec = inner(object, 'spec');
  const ports = Array.isArray(spec['ports']) ? spec['ports'].filter(isObject) : [];
  return {
    name,
    host: fullHost(name.name, name.namespace, domain),
    selector: texts(spec['selector']),
    ports: ports.map((port) => ({
      name: textOf(port['name']),
      port: Number(port['port']),
      protocol: textOf(port['protocol']),
      appProtocol: textOf(port['appProtocol']),
      targetPort:
        typeof port['targetPort'] === 'number' || typeof port['targetPort'] === 'string'
          ? port['targetPort']
          : undefined,
    })),
  };
}

function podView(object: Record<string, unknown>, name: ObjectName): PodView {
  const metadata = inner(object, 'metadata');
  const spec = inner(object, 'spec');
  const containers = [spec['containers'], spec['initContainers']].flatMap((list) =>
    Array.isArray(list) ? list : [],
  );
  return {
    name,
    labels: texts(metadata['labels']),
    annotations: texts(metadata['annotations']),
    containers: containers.filter(isObject).map((container) => String(container['name'])),
    hostNetwork: spec['hostNetwork'] === true,
  };
}

function inner(object: Record<string, unknown>, ...path: string[]): Record<string, unknown> {
  let value: unknown = object;
  for (const step of path) value = isObject(value) ? value[step] : undefined;
  return isObject(value) ? value : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function texts(value: unknown): Record<string, string> {
  if (!isObject(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]));
}
