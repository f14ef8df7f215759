import {
  cloneJson,
  anyType,
  atomicList,
  isJsonObject,
  type FieldType,
  type ListMerge,
  type ObjectSchema,
} from '@lateen/kube';
import { keepsUnknown, type JsonSchema } from './json-schema.ts';

/** The schema of a custom kind in the form in which patches and server-side apply read it. */
export function objectSchemaOf(name: string, schema: JsonSchema, metadata: FieldType): ObjectSchema {
  const inner = nestedSchema(name, schema);
  const common: Readonly<Record<string, FieldType>> = {
    apiVersion: { kind: 'string' },
    kind: { kind: 'string' },
    metadata,
  };
  return {
    ...inner,
    field: (field) => (Object.hasOwn(common, field) ? common[field] : inner.field(field)),
    fieldNames: () => [...new Set([...Object.keys(common), ...inner.fieldNames()])],
  };
}

function nestedSchema(name: string, schema: JsonSchema): ObjectSchema {
  const properties = schema.properties ?? {};
  const types = new Map<string, FieldType>();
  return {
    name,
    field: (field) => {
      const known = types.get(field);
      if (known !== undefined) return known;
      const property = Object.hasOwn(properties, field) ? properties[field] : undefined;
      if (property === undefined) return undefined;
      const type = fieldTypeOf(property, `${name}.${field}`);
      types.set(field, type);
      return type;
    },
    fieldNames: () => Object.keys(properties),
    required: () => schema.required ?? [],
    open: keepsUnknown(schema),
  };
}

function fieldTypeOf(schema: JsonSchema, name: string): FieldType {
  if (schema['x-kubernetes-int-or-string'] === true) return { kind: 'int-or-string' };
  const atomic = schema['x-kubernetes-map-type'] === 'atomic' ? { atomic: true } : {};
  switch (schema.type) {
    case 'string':
      return { kind: 'string' };
    case 'integer':
      return { kind: 'integer', format: schema.format === 'int32' ? 'int32' : 'int64' };
    case 'number':
      return { kind: 'number' };
    case 'boolean':
      return { kind: 'boolean' };
    case 'array': {
      const items = schema.items === undefined ? anyType : fieldTypeOf(schema.items, `${name}[]`);
      return { kind: 'list', items, merge: listMergeOf(schema) };
    }
    case 'object': {
      const values = schema.additionalProperties;
      if (typeof values === 'object')
        return { kind: 'map', values: fieldTypeOf(values, `${name}{}`), ...atomic };
      if (schema.properties === undefined) return anyType;
      return { kind: 'object', schema: nestedSchema(name, schema), ...atomic };
    }
    default:
      return anyType;
  }
}

function listMergeOf(schema: JsonSchema): ListMerge {
  switch (schema['x-kubernetes-list-type']) {
    case 'set':
      return { kind: 'set' };
    case 'map': {
      const keys = schema['x-kubernetes-list-map-keys'] ?? [];
      const defaults: Record<string, string | number> = {};
      for (const key of keys) {
        const value = schema.items?.properties?.[key]?.default;
        if (typeof value === 'string' || typeof value === 'number') defaults[key] = value;
      }
      return { kind: 'by-key', keys, ...(Object.keys(defaults).length > 0 ? { keyDefaults: defaults } : {}) };
    }
    default:
      return atomicList;
  }
}

/** Fields that every object has, and embedded objects too. */
const objectFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** Takes out what the schema does not name, in place, and lists where it was. */
export function prune(
  value: unknown,
  schema: JsonSchema,
  path: string,
  unknown: string[],
  isRoot = true,
): void {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return;
    for (const [index, item] of value.entries()) prune(item, items, `${path}[${index}]`, unknown, false);
    return;
  }
  if (!isJsonObject(value)) return;
  const { properties = {}, additionalProperties } = schema;
  const isObject = isRoot || schema['x-kubernetes-embedded-resource'] === true;
  for (const name of Object.keys(value)) {
    if (isObject && objectFields.has(name)) continue;
    const at = path === '' ? name : `${path}.${name}`;
    if (Object.hasOwn(properties, name)) {
      prune(value[name], properties[name] ?? {}, at, unknown, false);
    } else if (typeof additionalProperties === 'object') {
      prune(value[name], additionalProperties, at, unknown, false);
    } else if (additionalProperties !== true && !keepsUnknown(schema)) {
      unknown.push(at);
      delete value[name];
    }
  }
}

/** Fills in the defaults of the schema, in place. */
export function setSchemaDefaults(value: unknown, schema: JsonSchema): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) for (const item of value) setSchemaDefaults(item, schema.items);
    return;
  }
  if (!isJsonObject(value)) return;
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    const present = value[name];
    // A null that may not be is what is left of a field that was taken away.
    const gone = present === undefined || (present === null && inner.nullable !== true);
    if (gone && inner.default !== undefined) value[name] = cloneJson(inner.default);
    else if (present === null && gone) delete value[name];
    setSchemaDefaults(value[name], inner);
  }
  const { additionalProperties: others } = schema;
  if (typeof others !== 'object') return;
  for (const [name, inner] of Object.entries(value)) {
    if (schema.properties === undefined || !Object.hasOwn(schema.properties, name))
      setSchemaDefaults(inner, others);
  }
}
