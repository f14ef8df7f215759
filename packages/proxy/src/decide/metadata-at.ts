import type { JsonValue, Metadata } from '../model/metadata.ts';

/** The value at a place of metadata; undefined where there is none. */
export function metadataAt(
  metadata: Metadata | undefined,
  namespace: string,
  path: readonly string[],
): JsonValue | undefined {
  if (metadata === undefined || !Object.hasOwn(metadata, namespace)) return undefined;
  let value: JsonValue | undefined = metadata[namespace];
  for (const key of path) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return undefined;
    const inside = value as { readonly [key: string]: JsonValue };
    if (!Object.hasOwn(inside, key)) return undefined;
    value = inside[key];
  }
  return value;
}
