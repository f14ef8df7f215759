import type { JsonObject } from '@lateen/kube';
import { invalidValue, required, type FieldError } from '../field-error.ts';

export const portRange = 'must be between 1 and 65535, inclusive';

export function isPort(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;
}

/** A number that must be there and be a port. */
export function validatePort(object: JsonObject, name: string, path: string): FieldError[] {
  const value = object[name];
  if (value === undefined) return [required(`${path}.${name}`)];
  return isPort(value) ? [] : [invalidValue(`${path}.${name}`, value, portRange)];
}

/** A port by number or by name. */
export function validatePortOrName(value: unknown, path: string): FieldError[] {
  if (typeof value === 'string') {
    return portNameProblems(value).map((problem) => invalidValue(path, value, problem));
  }
  return value === undefined || isPort(value) ? [] : [invalidValue(path, value, portRange)];
}

/** Names of ports (IANA service names). */
export function portNameProblems(name: string): string[] {
  const problems: string[] = [];
  if (name.length > 15) problems.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]+$/.test(name)) {
    problems.push('must contain only alphanumeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(name)) problems.push('must contain at least one letter (a-z)');
  if (name.includes('--')) problems.push('must not contain consecutive hyphens');
  if (name.startsWith('-') || name.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

/** Numbers that may be left out and must not be negative. */
export function validateNonNegative(object: JsonObject, name: string, path: string): FieldError[] {
  const value = object[name];
  if (typeof value !== 'number' || value >= 0) return [];
  return [invalidValue(`${path}.${name}`, value, 'must be greater than or equal to 0')];
}
