import { analyze, formatManifest, parseManifests, type Message } from '@lateen/config';
import type { ConfigDocument, ConfigListDocument, ConfigMessage } from '../documents.ts';
import type { SourceObject } from '../mesh-source.ts';
import { configId, fullHost, type MeshConfig } from './mesh-config.ts';

export interface ConfigInput {
  /** Objects of the mesh's own kinds. */
  readonly configs: readonly SourceObject[];
  /** Namespaces, Services, Deployments and Pods. */
  readonly platform: readonly SourceObject[];
  readonly config: MeshConfig;
  /** The id of the node that a full host leads to. */
  readonly nodeOf: (host: string) => string | undefined;
}

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/** Every configuration object as YAML, with what it routes to and what is wrong with it, at its line. */
export function configDocuments({ configs, platform, config, nodeOf }: ConfigInput): ConfigListDocument {
  const messages = new Map<string, Message[]>();
  for (const message of analyze([...platform, ...configs])) {
    const { kind, namespace, name } = message.object;
    const id = configId(kind, namespace, name);
    messages.set(id, [...(messages.get(id) ?? []), message]);
  }
  const objects = configs.map((object): ConfigDocument => {
    const { kind = '', metadata } = object;
    const id = configId(kind, metadata.namespace, metadata.name);
    const yaml = formatManifest(withoutBookkeeping(object));
    const own = messages.get(id) ?? [];
    messages.delete(id);
    const destinations = (config.rulesOf.get(id) ?? []).flatMap((rule) => rule.destinations);
    return {
      id,
      kind,
      namespace: metadata.namespace ?? '',
      name: metadata.name,
      hosts: hostsOf(object),
      destinations: destinations.map(({ host, subset, weight }) => {
        const node = nodeOf(host);
        return {
          host,
          ...(subset === undefined ? {} : { subset }),
          ...(weight === undefined ? {} : { weight }),
          ...(node === undefined ? {} : { node }),
        };
      }),
      yaml,
      messages: placed(own, yaml),
    };
  });
  const others = [...messages.values()].flat().map((message) => {
    const { kind, namespace, name } = message.object;
    return { ...plain(message), object: `${kind} ${namespace === '' ? name : `${namespace}/${name}`}` };
  });
  return { objects: objects.sort((a, b) => (a.id < b.id ? -1 : 1)), others };
}

/** What a person wrote: without what the API server adds for itself. */
function withoutBookkeeping(object: SourceObject): Record<string, unknown> {
  const { metadata, apiVersion, kind, status: _, ...rest } = object;
  const { [lastApplied]: __, ...annotations } = metadata.annotations ?? {};
  const { name, namespace, labels } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    ...rest,
  };
}

function hostsOf({ kind, metadata, ...rest }: SourceObject): string[] {
  const spec = (rest['spec'] ?? {}) as { hosts?: unknown; host?: unknown; servers?: unknown };
  const texts = (list: unknown): string[] =>
    (Array.isArray(list) ? list : []).filter((host) => typeof host === 'string');
  if (kind === 'DestinationRule') {
    return typeof spec.host === 'string' ? [fullHost(spec.host, metadata.namespace)] : [];
  }
  if (kind === 'Gateway') {
    const servers = Array.isArray(spec.servers) ? (spec.servers as { hosts?: unknown }[]) : [];
    return [...new Set(servers.flatMap((server) => texts(server?.hosts)))];
  }
  return texts(spec.hosts);
}

function placed(messages: readonly Message[], yaml: string): ConfigMessage[] {
  if (messages.length === 0) return [];
  const [document] = parseManifests(yaml, '').documents;
  return messages.map((message) => {
    const line = message.path === '' ? undefined : document?.locate(message.path).line;
    return { ...plain(message), ...(line === undefined ? {} : { line }) };
  });
}

function plain({ code, level, message, path }: Message): ConfigMessage {
  return { code, level, message, path };
}
