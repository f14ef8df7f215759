import type { Field } from './message-type.ts';

/**
 * True for the value that a scalar has when it is absent, which neither bytes nor JSON carry where presence is
 * implicit. A message is never one, and neither is the double -0.
 */
export function isImplicitZero(field: Field, value: unknown): boolean {
  switch (field.kind) {
    case 'message':
      return false;
    case 'enum':
      return value === 0 || field.enumeration?.byName.get(value as string) === 0;
    case 'bytes':
      return value instanceof Uint8Array && value.length === 0;
    default:
      return value === '' || value === false || Object.is(value, 0);
  }
}
