import type { JsonValue, Metadata } from '../model/metadata.ts';

/** The value below a namespace by its keys; undefined where it is not there. */
export function metadataValue(
  metadata: Metadata | undefined,
  namespace: string,
  path: readonly string[],
): JsonValue | undefined {
  let value: JsonValue | undefined = metadata?.[namespace];
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    value = (value as { readonly [key: string]: JsonValue })[key];
  }
  return value;
}
