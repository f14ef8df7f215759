import { isObject } from '@lateen/config';
import { fromJson, toJson, typeRegistry } from '@lateen/protocol';
import { stringify } from 'yaml';
import { textIn, type Message } from './config-dump.ts';

/** Formats for programs. */
export type OutputFormat = 'json' | 'yaml';

/** Values as JSON or YAML, as istioctl prints them. */
export function formatted(value: unknown, format: OutputFormat): string {
  return format === 'json' ? `${JSON.stringify(value, undefined, 4)}\n` : stringify(value);
}

/**
 * Messages with their fields in camelCase, as istioctl prints them; Envoy's admin port names them as the proto files
 * do. A message that has something which the protocol package does not know stays as it came.
 */
export async function inCamelCase(messages: readonly Message[]): Promise<readonly Message[]> {
  const { allTypes } = await import('@lateen/protocol/all-types');
  const registry = typeRegistry(allTypes);
  return messages.map((message) => {
    const url = textIn(message, '@type');
    const type = allTypes.find(({ typeUrl }) => typeUrl === url);
    if (type === undefined) return message;
    const { '@type': _, ...fields } = message;
    const decoded = fromJson(type, fields, { registry });
    const json = decoded.ok ? toJson(type, decoded.value, { registry }) : undefined;
    return isObject(json) ? json : message;
  });
}
