import type { EnvSource } from '../env.ts';
import { headerName } from '../codec/header-name.ts';
import { metadataValue } from '../decide/metadata-value.ts';
import type { JsonValue, Metadata } from '../model/metadata.ts';
import type { CustomTag } from '../model/tracing.ts';
import type { StreamInfo } from './stream-info.ts';

/** A request as tags see it. */
export type TaggedRequest = StreamInfo;

export interface CompiledTag {
  readonly name: string;
  /** Empty where there is nothing to tell. */
  readonly read: (info: TaggedRequest) => string;
}

/** Compiles tags; later ones take the place of earlier ones of the same name (Envoy, `Tracing.custom_tags` of a route). */
export function compileCustomTags(tags: readonly CustomTag[], env: EnvSource): readonly CompiledTag[] {
  const byName = new Map<string, CompiledTag>();
  for (const tag of tags) byName.set(tag.tag, { name: tag.tag, read: reader(tag, env) });
  return [...byName.values()];
}

function reader(tag: CustomTag, env: EnvSource): CompiledTag['read'] {
  const { defaultValue } = tag;
  switch (tag.kind) {
    case 'literal':
      return () => tag.value;
    case 'environment': {
      const value = env[tag.value] ?? defaultValue;
      return () => value;
    }
    case 'header': {
      const name = headerName(tag.value);
      return ({ request }) => request?.headers.get(name) ?? defaultValue;
    }
    default:
      return (info) =>
        textOf(metadataValue(metadataOf(info, tag.of), tag.namespace, tag.path)) ?? defaultValue;
  }
}

function metadataOf(info: TaggedRequest, of: 'route' | 'cluster' | 'host'): Metadata | undefined {
  switch (of) {
    case 'route':
      return info.routeMetadata;
    case 'cluster':
      return info.upstreamModel?.metadata;
    default:
      return info.endpoint?.endpoint.metadata;
  }
}

function textOf(value: JsonValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value);
}
