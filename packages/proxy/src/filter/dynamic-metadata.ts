import type { JsonValue, Metadata } from '../model/metadata.ts';

/** Adds what a filter found out of a request to what is known of it. */
export function addMetadata(
  carrier: { dynamicMetadata: Metadata | undefined },
  namespace: string,
  values: { readonly [key: string]: JsonValue },
): void {
  const known = carrier.dynamicMetadata;
  carrier.dynamicMetadata = { ...known, [namespace]: { ...known?.[namespace], ...values } };
}
