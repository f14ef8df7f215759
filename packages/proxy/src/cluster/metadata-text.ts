import type { Metadata } from '../model/metadata.ts';

/** The text at a place in metadata. */
export function textIn(
  metadata: Metadata | undefined,
  key: { readonly namespace: string; readonly path: readonly string[] } | undefined,
): string | undefined {
  if (key === undefined) return undefined;
  let value: unknown = metadata?.[key.namespace];
  for (const name of key.path) value = (value as { readonly [key: string]: unknown } | undefined)?.[name];
  return typeof value === 'string' ? value : undefined;
}
