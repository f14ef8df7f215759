import type { Problem } from '@lateen/core';
import { didYouMean } from './did-you-mean.ts';
import { parseDuration } from './duration.ts';
import type { ShapeKeywords } from './shape.ts';

/** Takes one problem: the field's path and a sentence that says what is wrong and what is allowed. */
export type Report = (path: string, message: string) => void;

/** Collects problems in order. */
export function problemList(): { readonly problems: Problem[]; readonly report: Report } {
  const problems: Problem[] = [];
  return { problems, report: (path, message) => problems.push({ path, message }) };
}

const maxDepth = 64;

/** Reports every place where `value` is not of the shape; `path` is where the value stands. */
export function checkShape(
  shape: ShapeKeywords,
  value: unknown,
  path: string,
  report: Report,
  depth = 0,
): void {
  if (depth > maxDepth) {
    report(path, `is nested more than ${maxDepth} levels deep`);
    return;
  }
  if (shape['x-kubernetes-int-or-string'] === true) {
    if (typeof value !== 'string' && !Number.isInteger(value)) {
      report(path, `must be a whole number or a string, not ${nameOf(value)}`);
    }
    return;
  }
  switch (shape.type) {
    case 'string':
      checkText(shape, value, path, report);
      return;
    case 'boolean':
      if (typeof value !== 'boolean') report(path, `must be true or false, not ${nameOf(value)}`);
      return;
    case 'integer':
    case 'number':
      checkNumber(shape, value, path, report);
      return;
    case 'array':
      checkList(shape, value, path, report, depth);
      return;
    case 'object':
      checkObject(shape, value, path, report, depth);
      return;
    default:
  }
}

function checkText(shape: ShapeKeywords, value: unknown, path: string, report: Report): void {
  if (typeof value !== 'string') {
    report(path, `must be a string, not ${nameOf(value)}${hintForText(value)}`);
  } else if (shape.enum !== undefined && !shape.enum.includes(value)) {
    const meant = didYouMean(value, shape.enum);
    report(
      path,
      `must be one of ${shape.enum.join(', ')}, not "${value}"${meant === undefined ? '' : ` (did you mean ${meant}?)`}`,
    );
  } else if (shape['x-duration'] === true && parseDuration(value) === undefined) {
    report(path, `must be a duration such as 7s, 250ms, 1m30s or 1h, not "${value}"`);
  } else if (shape.minLength !== undefined && value.length < shape.minLength) {
    report(path, 'must not be empty');
  } else if (shape.maxLength !== undefined && value.length > shape.maxLength) {
    report(path, `must be at most ${shape.maxLength} characters long, not ${value.length}`);
  }
}

function checkNumber(shape: ShapeKeywords, value: unknown, path: string, report: Report): void {
  if (typeof value !== 'number' || Number.isNaN(value)) {
    report(path, `must be a number, not ${nameOf(value)}`);
  } else if (shape.type === 'integer' && !Number.isInteger(value)) {
    report(path, `must be a whole number, not ${value}`);
  } else if (
    (shape.minimum !== undefined && value < shape.minimum) ||
    (shape.maximum !== undefined && value > shape.maximum)
  ) {
    report(path, `must be ${rangeOf(shape)}, not ${value}`);
  }
}

function rangeOf(shape: ShapeKeywords): string {
  if (shape.minimum === undefined) return `at most ${shape.maximum}`;
  if (shape.maximum === undefined || shape.maximum > 2_000_000_000) return `${shape.minimum} or more`;
  return `from ${shape.minimum} to ${shape.maximum}`;
}

function checkList(shape: ShapeKeywords, value: unknown, path: string, report: Report, depth: number): void {
  if (!Array.isArray(value)) {
    report(path, `must be a list, not ${nameOf(value)}`);
    return;
  }
  if (shape.minItems !== undefined && value.length < shape.minItems) {
    report(path, `must have at least ${shape.minItems} element${shape.minItems === 1 ? '' : 's'}`);
  }
  const { items } = shape;
  if (items === undefined) return;
  for (const [index, element] of value.entries()) {
    checkShape(items, element, `${path}[${index}]`, report, depth + 1);
  }
}

function checkObject(
  shape: ShapeKeywords,
  value: unknown,
  path: string,
  report: Report,
  depth: number,
): void {
  if (!isObject(value)) {
    report(path, `must be an object, not ${nameOf(value)}`);
    return;
  }
  if (shape['x-kubernetes-preserve-unknown-fields'] === true) return;
  if (shape.additionalProperties !== undefined) {
    for (const [key, element] of Object.entries(value)) {
      checkShape(shape.additionalProperties, element, joinPath(path, key), report, depth + 1);
    }
    return;
  }
  const properties = shape.properties ?? {};
  for (const [key, element] of Object.entries(value)) {
    const field = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (field === undefined) reportUnknown(key, Object.keys(properties), path, report);
    // Kubernetes treats null as a field that is not there.
    else if (element !== null && element !== undefined) {
      checkShape(field, element, joinPath(path, key), report, depth + 1);
    }
  }
  for (const name of shape.required ?? []) {
    if (value[name] === undefined || value[name] === null) {
      report(joinPath(path, name), 'is required');
    }
  }
  for (const group of shape['x-one-of'] ?? []) {
    const set = group.filter((name) => value[name] !== undefined && value[name] !== null);
    if (set.length > 1) report(path, `only one of ${set.join(', ')} may be set`);
  }
}

function reportUnknown(key: string, allowed: readonly string[], path: string, report: Report): void {
  const meant = didYouMean(key, allowed);
  const help =
    meant === undefined ? `; allowed are ${[...allowed].sort().join(', ')}` : ` (did you mean ${meant}?)`;
  report(joinPath(path, key), `unknown field${help}`);
}

/** The path of a field of the object at `path`; keys that are not plain names are put in brackets. */
export function joinPath(path: string, key: string): string {
  if (!/^[A-Za-z_$][\w$]*$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === '' ? key : `${path}.${key}`;
}

/** True where the value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What a person would call a JSON value. */
export function nameOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  switch (typeof value) {
    case 'string':
      return `the string "${value.length > 40 ? `${value.slice(0, 40)}…` : value}"`;
    case 'number':
      return `the number ${value}`;
    case 'boolean':
      return String(value);
    default:
      return 'an object';
  }
}

function hintForText(value: unknown): string {
  return typeof value === 'number' || typeof value === 'boolean' ? ` (write it in quotes: "${value}")` : '';
}
