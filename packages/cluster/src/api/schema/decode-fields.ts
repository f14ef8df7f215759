import { isJsonObject, type FieldType, type JsonObject, type ObjectSchema } from '@lateen/kube';
import { canonicalQuantity } from './quantity.ts';

/** What was found while an object was read. */
export interface DecodeFindings {
  /** Fields that the schema does not have; they are taken out. */
  readonly unknown: string[];
  /** Values of the wrong type, as sentences. */
  readonly wrong: string[];
}

const maxDepth = 200;
const maxInt32 = 2 ** 31 - 1;

/**
 * Brings an object that a client sent into the shape of its schema, in place: takes out nulls and unknown
 * fields, writes quantities in their canonical form, and lists what is wrong.
 */
export function decodeFields(object: JsonObject, schema: ObjectSchema): DecodeFindings {
  const findings: DecodeFindings = { unknown: [], wrong: [] };
  decodeObject(object, schema, '', findings, 0);
  return findings;
}

function decodeObject(
  object: JsonObject,
  schema: ObjectSchema,
  path: string,
  findings: DecodeFindings,
  depth: number,
): void {
  for (const name of Object.keys(object)) {
    const value = object[name];
    const at = path === '' ? name : `${path}.${name}`;
    if (value === null || value === undefined) {
      delete object[name];
      continue;
    }
    const type = schema.field(name);
    if (type === undefined) {
      if (schema.open) continue;
      findings.unknown.push(at);
      delete object[name];
      continue;
    }
    const decoded = decodeValue(value, type, at, `${structName(schema)}.${at}`, findings, depth + 1);
    if (isEmptyCollection(decoded, type)) delete object[name];
    else object[name] = decoded;
  }
}

/** Empty lists and maps are the same as none: the API does not store them. */
function isEmptyCollection(value: unknown, type: FieldType): boolean {
  if (type.kind === 'list') return Array.isArray(value) && value.length === 0;
  return type.kind === 'map' && isJsonObject(value) && Object.keys(value).length === 0;
}

/** The name without the version that the generator put before it. */
function structName(schema: ObjectSchema): string {
  return schema.name.replace(/^(Core|Events)?V\d+((alpha|beta)\d+)?/, '');
}

function decodeValue(
  value: unknown,
  type: FieldType,
  path: string,
  place: string,
  findings: DecodeFindings,
  depth: number,
): unknown {
  if (depth > maxDepth) {
    findings.wrong.push(`exceeded max depth at ${path}`);
    return value;
  }
  const wrong = (expected: string): unknown => {
    findings.wrong.push(
      `json: cannot unmarshal ${jsonTypeOf(value)} into Go struct field ${place} of type ${expected}`,
    );
    return value;
  };
  switch (type.kind) {
    case 'string':
      return typeof value === 'string'
        ? value
        : wrong(type.format === undefined ? 'string' : goFormat(type.format));
    case 'boolean':
      return typeof value === 'boolean' ? value : wrong('bool');
    case 'number':
      return typeof value === 'number' ? value : wrong('float64');
    case 'integer':
      if (typeof value !== 'number') return wrong(type.format);
      if (!Number.isInteger(value) || (type.format === 'int32' && Math.abs(value) > maxInt32 + 1)) {
        findings.wrong.push(
          `json: cannot unmarshal number ${value} into Go struct field ${place} of type ${type.format}`,
        );
      }
      return value;
    case 'int-or-string':
      if (typeof value === 'string') return value;
      return typeof value === 'number' && Number.isInteger(value) ? value : wrong('intstr.IntOrString');
    case 'quantity': {
      const text = typeof value === 'number' ? numberText(value) : value;
      const canonical = typeof text === 'string' ? canonicalQuantity(text) : undefined;
      if (canonical !== undefined) return canonical;
      findings.wrong.push(
        `${path}: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$' (got ${JSON.stringify(value)})`,
      );
      return value;
    }
    case 'list': {
      if (!Array.isArray(value)) return wrong(`[]${goType(type.items)}`);
      const list: unknown[] = value;
      for (let i = 0; i < list.length; i++) {
        const item = list[i];
        if (item === null) list[i] = zeroOf(type.items);
        else list[i] = decodeValue(item, type.items, `${path}[${i}]`, place, findings, depth + 1);
      }
      return list;
    }
    case 'map': {
      if (!isJsonObject(value)) return wrong(`map[string]${goType(type.values)}`);
      for (const [key, item] of Object.entries(value)) {
        if (item === null) value[key] = zeroOf(type.values);
        else value[key] = decodeValue(item, type.values, `${path}.${key}`, place, findings, depth + 1);
      }
      return value;
    }
    case 'object':
      if (!isJsonObject(value)) return wrong(structName(type.schema));
      decodeObject(value, type.schema, path, findings, depth);
      return value;
    default:
      return value;
  }
}

/** Numbers without an exponent, which quantities read otherwise. */
function numberText(value: number): string {
  const text = String(value);
  return text.includes('e') ? value.toFixed(9).replace(/\.?0+$/, '') : text;
}

/** Go reads null in lists and maps as the zero value. */
function zeroOf(type: FieldType): unknown {
  switch (type.kind) {
    case 'string':
      return '';
    case 'integer':
    case 'number':
    case 'int-or-string':
      return 0;
    case 'boolean':
      return false;
    case 'quantity':
      return '0';
    case 'list':
      return [];
    case 'any':
      return null;
    default:
      return {};
  }
}

function jsonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}

function goFormat(format: 'date-time' | 'micro-time' | 'byte'): string {
  if (format === 'byte') return '[]uint8';
  return format === 'date-time' ? 'v1.Time' : 'v1.MicroTime';
}

function goType(type: FieldType): string {
  switch (type.kind) {
    case 'string':
      return type.format === undefined ? 'string' : goFormat(type.format);
    case 'integer':
      return type.format;
    case 'number':
      return 'float64';
    case 'boolean':
      return 'bool';
    case 'quantity':
      return 'resource.Quantity';
    case 'int-or-string':
      return 'intstr.IntOrString';
    case 'list':
      return `[]${goType(type.items)}`;
    case 'map':
      return `map[string]${goType(type.values)}`;
    case 'object':
      return structName(type.schema);
    default:
      return 'interface {}';
  }
}
