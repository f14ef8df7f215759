import { isObject } from '@lateen/config';
import { LateenError } from '@lateen/core';

/** A message of Envoy's as JSON, its fields named as in the proto files. */
export type Message = Readonly<Record<string, unknown>>;

/** What the proxy was told, of each kind; parts that the dump lacks are empty. */
export interface ConfigDump {
  readonly bootstrap: Message;
  readonly clusters: readonly Message[];
  readonly listeners: readonly Message[];
  readonly routes: readonly Message[];
  readonly secrets: readonly NamedSecret[];
}

/** A secret, and whether the proxy has it or waits for it. */
export interface NamedSecret {
  readonly name: string;
  readonly isActive: boolean;
  readonly secret: Message;
}

/** Reads the JSON of Envoy's `/config_dump`. Throws where it is none. */
export function readConfigDump(text: string): ConfigDump {
  const parts = new Map<string, Message>();
  for (const part of listOf(parse(text), 'configs')) parts.set(typeOf(part), part);
  if (parts.size === 0) throw new LateenError('cli.badDump', 'the configuration dump has no parts');
  const part = (name: string): Message => parts.get(`envoy.admin.v3.${name}`) ?? {};
  const resources = (name: string, field: string, ...lists: readonly string[]): Message[] =>
    lists.flatMap((list) => listOf(part(name), list).map((entry) => messageIn(entry, field)));
  return {
    bootstrap: messageIn(part('BootstrapConfigDump'), 'bootstrap'),
    clusters: byName(
      resources('ClustersConfigDump', 'cluster', 'static_clusters', 'dynamic_active_clusters'),
    ),
    listeners: [
      ...listOf(part('ListenersConfigDump'), 'static_listeners').map((one) => messageIn(one, 'listener')),
      ...listOf(part('ListenersConfigDump'), 'dynamic_listeners').flatMap((one) => {
        const listener = messageIn(messageIn(one, 'active_state'), 'listener');
        return Object.keys(listener).length === 0 ? [] : [listener];
      }),
    ],
    routes: byName(
      resources('RoutesConfigDump', 'route_config', 'static_route_configs', 'dynamic_route_configs'),
    ),
    secrets: ['dynamic_active_secrets', 'dynamic_warming_secrets'].flatMap((list) =>
      listOf(part('SecretsConfigDump'), list).map((entry) => ({
        name: textIn(entry, 'name'),
        isActive: list === 'dynamic_active_secrets',
        secret: messageIn(entry, 'secret'),
      })),
    ),
  };
}

/** Parses the JSON of an admin page. */
export function parse(text: string): Message {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (isObject(value)) return value;
  throw new LateenError('cli.badDump', 'the answer of the admin port is no JSON');
}

/** The message in a field; an empty one where there is none. */
export function messageIn(message: Message, field: string): Message {
  const value = message[field];
  return isObject(value) ? value : {};
}

/** The messages in a repeated field. */
export function listOf(message: Message, field: string): readonly Message[] {
  const value = message[field];
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** The text in a field; empty where there is none. */
export function textIn(message: Message, field: string): string {
  const value = message[field];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** The texts in a repeated field. */
export function textsIn(message: Message, field: string): readonly string[] {
  const value = message[field];
  return Array.isArray(value) ? value.map(String) : [];
}

/** The name of a message's type, of its `@type`. */
export function typeOf(message: Message): string {
  return textIn(message, '@type').replace(/^.*\//, '');
}

/** `NAME.NAMESPACE` of the object that Istio's metadata says a resource was made of; empty where it says none. */
export function madeOf(resource: Message): string {
  const metadata = messageIn(messageIn(messageIn(resource, 'metadata'), 'filter_metadata'), 'istio');
  const [, namespace, name] = /\/namespaces\/([^/]+)\/[^/]+\/([^/]+)$/.exec(textIn(metadata, 'config')) ?? [];
  return name === undefined ? '' : `${name}.${namespace}`;
}

function byName(messages: readonly Message[]): readonly Message[] {
  return messages.toSorted((a, b) => (textIn(a, 'name') < textIn(b, 'name') ? -1 : 1));
}
