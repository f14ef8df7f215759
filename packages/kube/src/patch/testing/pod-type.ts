import type { FieldType, ListMerge, ObjectSchema } from '../object-schema.ts';

const text: FieldType = { kind: 'string' };

function object(name: string, fields: Readonly<Record<string, FieldType>>): FieldType {
  const schema: ObjectSchema = {
    name,
    field: (field) => (Object.hasOwn(fields, field) ? fields[field] : undefined),
    fieldNames: () => Object.keys(fields),
    required: () => [],
    open: false,
  };
  return { kind: 'object', schema };
}

function list(items: FieldType, merge: ListMerge = { kind: 'atomic' }): FieldType {
  return { kind: 'list', items, merge };
}

const port = object('Port', {
  containerPort: { kind: 'integer', format: 'int32' },
  protocol: text,
  name: text,
});
const container = object('Container', {
  name: text,
  image: text,
  args: list(text),
  ports: list(port, {
    kind: 'by-key',
    keys: ['containerPort', 'protocol'],
    keyDefaults: { protocol: 'TCP' },
  }),
});

/** Something like a pod: every way in which lists and maps are merged, and no more. */
export const podType: FieldType = object('Pod', {
  replicas: { kind: 'integer', format: 'int32' },
  containers: list(container, { kind: 'by-key', keys: ['name'] }),
  finalizers: list(text, { kind: 'set' }),
  labels: { kind: 'map', values: text },
  selector: { kind: 'map', values: text, atomic: true },
  strategy: object('Strategy', { type: text, rollingUpdate: { kind: 'map', values: { kind: 'any' } } }),
});
