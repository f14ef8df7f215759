import { isJsonObject, sameJson } from '@lateen/kube';
import {
  invalidValue,
  notSupported,
  required,
  tooLong,
  tooMany,
  typeInvalid,
  type FieldError,
} from '../field-error.ts';
import type { JsonSchema } from './json-schema.ts';

/** Adds to `errors` what a schema says against a value. */
export type Validate = (value: unknown, path: string, errors: FieldError[]) => void;

/** Matches a user's pattern in linear time. */
export type CompilePattern = (pattern: string) => (text: string) => boolean;

const maxInt32 = 2 ** 31 - 1;

/** Compiles a schema once; the function is called for every object. */
export function compileSchema(schema: JsonSchema, compilePattern: CompilePattern): Validate {
  const compile = (inner: JsonSchema): Validate => compileSchema(inner, compilePattern);
  const checks: Validate[] = [];
  if (schema.enum !== undefined) checks.push(enumCheck(schema.enum));
  checks.push(...numberChecks(schema), ...stringChecks(schema, compilePattern));
  checks.push(...listChecks(schema, compile), ...objectChecks(schema, compile));
  checks.push(...combinedChecks(schema, compile));
  const typeMatches = typeTest(schema);
  const expected = schema['x-kubernetes-int-or-string'] === true ? 'integer,string' : schema.type;
  return (value, path, errors) => {
    if (value === null && schema.nullable === true) return;
    if (!typeMatches(value)) {
      const found = jsonType(value);
      const text = `${path} in body must be of type ${expected}: ${JSON.stringify(found)}`;
      errors.push(typeInvalid(path, typeof value === 'object' ? found : value, text));
      return;
    }
    for (const check of checks) check(value, path, errors);
  };
}

function typeTest(schema: JsonSchema): (value: unknown) => boolean {
  if (schema['x-kubernetes-int-or-string'] === true) {
    return (value) => typeof value === 'string' || Number.isInteger(value);
  }
  switch (schema.type) {
    case 'object':
      return isJsonObject;
    case 'array':
      return Array.isArray;
    case 'string':
      return (value) => typeof value === 'string';
    case 'boolean':
      return (value) => typeof value === 'boolean';
    case 'number':
      return (value) => typeof value === 'number';
    case 'integer':
      return (value) => Number.isInteger(value);
    default:
      return () => true;
  }
}

function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function enumCheck(allowed: readonly unknown[]): Validate {
  const texts = allowed.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
  return (value, path, errors) => {
    if (!allowed.some((one) => sameJson(one, value))) errors.push(notSupported(path, value, texts));
  };
}

function numberChecks(schema: JsonSchema): Validate[] {
  const { minimum, maximum, multipleOf, format } = schema;
  const checks: ((value: number) => string | undefined)[] = [];
  if (minimum !== undefined) {
    const open = schema.exclusiveMinimum === true;
    const text = open ? `should be greater than ${minimum}` : `should be greater than or equal to ${minimum}`;
    checks.push((value) => ((open ? value > minimum : value >= minimum) ? undefined : text));
  }
  if (maximum !== undefined) {
    const open = schema.exclusiveMaximum === true;
    const text = open ? `should be less than ${maximum}` : `should be less than or equal to ${maximum}`;
    checks.push((value) => ((open ? value < maximum : value <= maximum) ? undefined : text));
  }
  if (multipleOf !== undefined) {
    checks.push((value) => (value % multipleOf === 0 ? undefined : `should be a multiple of ${multipleOf}`));
  }
  const bounds: Record<string, readonly [number, number]> = {
    int32: [-maxInt32 - 1, maxInt32],
    uint32: [0, 2 ** 32 - 1],
    uint64: [0, 2 ** 64],
  };
  const range = format === undefined ? undefined : bounds[format];
  if (range !== undefined) {
    const text = `must be of type ${format}`;
    checks.push((value) => (value >= range[0] && value <= range[1] ? undefined : text));
  }
  return checks.map((check) => (value, path, errors) => {
    const problem = typeof value === 'number' ? check(value) : undefined;
    if (problem !== undefined) errors.push(invalidValue(path, value, `${path} in body ${problem}`));
  });
}

function stringChecks(schema: JsonSchema, compilePattern: CompilePattern): Validate[] {
  const { minLength, maxLength, pattern, format } = schema;
  const checks: Validate[] = [];
  const add = (check: (text: string, path: string) => FieldError | undefined): void => {
    checks.push((value, path, errors) => {
      const error = typeof value === 'string' ? check(value, path) : undefined;
      if (error !== undefined) errors.push(error);
    });
  };
  if (minLength !== undefined) {
    add((text, path) =>
      codePoints(text) >= minLength
        ? undefined
        : invalidValue(path, text, `${path} in body should be at least ${minLength} chars long`),
    );
  }
  if (maxLength !== undefined) {
    add((text, path) => (codePoints(text) <= maxLength ? undefined : tooLong(path, maxLength)));
  }
  if (pattern !== undefined) {
    const matches = compilePattern(pattern);
    add((text, path) =>
      matches(text) ? undefined : invalidValue(path, text, `${path} in body should match '${pattern}'`),
    );
  }
  if (format === 'date-time') {
    add((text, path) => {
      const good = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d/.test(text) && !Number.isNaN(Date.parse(text));
      return good
        ? undefined
        : invalidValue(path, text, `${path} in body must be of type date-time: ${JSON.stringify(text)}`);
    });
  }
  return checks;
}

function listChecks(schema: JsonSchema, compile: (inner: JsonSchema) => Validate): Validate[] {
  const { items, minItems, maxItems } = schema;
  const checks: Validate[] = [];
  const add = (check: (list: readonly unknown[], path: string, errors: FieldError[]) => void): void => {
    checks.push((value, path, errors) => {
      if (Array.isArray(value)) check(value, path, errors);
    });
  };
  if (minItems !== undefined) {
    add((list, path, errors) => {
      if (list.length >= minItems) return;
      errors.push(invalidValue(path, list.length, `${path} in body should have at least ${minItems} items`));
    });
  }
  if (maxItems !== undefined) {
    add((list, path, errors) => {
      if (list.length > maxItems) errors.push(tooMany(path, list.length, maxItems));
    });
  }
  const keys = schema['x-kubernetes-list-map-keys'];
  const listType = schema['x-kubernetes-list-type'];
  if (listType === 'map' || listType === 'set') {
    add((list, path, errors) => {
      const seen = new Set<string>();
      for (const [index, item] of list.entries()) {
        const id =
          listType === 'map' && isJsonObject(item)
            ? Object.fromEntries((keys ?? []).map((key) => [key, item[key]]))
            : item;
        const text = JSON.stringify(id);
        if (seen.has(text)) {
          errors.push({
            reason: 'FieldValueDuplicate',
            field: `${path}[${index}]`,
            message: `Duplicate value: ${text}`,
          });
        }
        seen.add(text);
      }
    });
  }
  if (items !== undefined) {
    const each = compile(items);
    add((list, path, errors) => {
      for (let index = 0; index < list.length; index++) each(list[index], `${path}[${index}]`, errors);
    });
  }
  return checks;
}

function objectChecks(schema: JsonSchema, compile: (inner: JsonSchema) => Validate): Validate[] {
  const checks: Validate[] = [];
  const { required: names = [], minProperties, maxProperties, additionalProperties } = schema;
  const fields = Object.entries(schema.properties ?? {}).map(
    ([name, inner]) => [name, compile(inner)] as const,
  );
  const others = typeof additionalProperties === 'object' ? compile(additionalProperties) : undefined;
  const known = new Set(fields.map(([name]) => name));
  checks.push((value, path, errors) => {
    if (!isJsonObject(value)) return;
    const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
    for (const name of names) if (value[name] === undefined) errors.push(required(at(name)));
    for (const [name, validate] of fields)
      if (value[name] !== undefined) validate(value[name], at(name), errors);
    if (others !== undefined) {
      for (const [name, inner] of Object.entries(value))
        if (!known.has(name)) others(inner, at(name), errors);
    }
    const count = Object.keys(value).length;
    if (minProperties !== undefined && count < minProperties) {
      errors.push(
        invalidValue(path, count, `${path} in body should have at least ${minProperties} properties`),
      );
    }
    if (maxProperties !== undefined && count > maxProperties)
      errors.push(tooMany(path, count, maxProperties));
  });
  return checks;
}

function combinedChecks(schema: JsonSchema, compile: (inner: JsonSchema) => Validate): Validate[] {
  const checks: Validate[] = [];
  const passing = (alternatives: readonly Validate[], value: unknown, path: string): number =>
    alternatives.filter((validate) => {
      const found: FieldError[] = [];
      validate(value, path, found);
      return found.length === 0;
    }).length;
  const named = (path: string): string => (path === '' ? '<nil>' : path);
  if (schema.allOf !== undefined) checks.push(...schema.allOf.map(compile));
  if (schema.anyOf !== undefined) {
    const alternatives = schema.anyOf.map(compile);
    checks.push((value, path, errors) => {
      if (passing(alternatives, value, path) > 0) return;
      errors.push(
        invalidValue(
          path,
          shownValue(value),
          `${named(path)} in body must validate at least one schema (anyOf)`,
        ),
      );
    });
  }
  if (schema.oneOf !== undefined) {
    const alternatives = schema.oneOf.map(compile);
    checks.push((value, path, errors) => {
      const count = passing(alternatives, value, path);
      if (count === 1) return;
      const found = count === 0 ? 'Found none valid' : `Found ${count} valid alternatives`;
      const text = `${named(path)} in body must validate one and only one schema (oneOf). ${found}`;
      errors.push(invalidValue(path, shownValue(value), text));
    });
  }
  if (schema.not !== undefined) {
    const unwanted = compile(schema.not);
    checks.push((value, path, errors) => {
      if (passing([unwanted], value, path) === 0) return;
      errors.push(
        invalidValue(path, shownValue(value), `${named(path)} in body must not validate the schema (not)`),
      );
    });
  }
  return checks;
}

/** Whole objects would drown the message. */
function shownValue(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? jsonType(value) : value;
}

/** The length as JSON Schema counts it. */
function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
