import type { FieldType, ObjectSchema } from '@lateen/kube';

/** A schema that allows everything. */
export function openSchema(name: string): ObjectSchema {
  return {
    name,
    field: (): FieldType => ({ kind: 'any' }),
    fieldNames: () => [],
    required: () => [],
    open: true,
  };
}
