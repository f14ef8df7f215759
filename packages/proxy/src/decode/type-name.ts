import type { Any } from '@lateen/protocol';

/** The name of the type that an Any holds. */
export function typeNameOf(any: Any | undefined): string {
  return (any?.typeUrl ?? '').replace(/^.*\//, '');
}
