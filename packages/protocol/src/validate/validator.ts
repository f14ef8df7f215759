import type { Problem } from '@lateen/core';
import type { AnyMessageType, Field, MessageType } from '../codec/message-type.ts';
import { valueChecks, type ValueCheck } from './value-check.ts';
import type { FieldRules, ValidationRules } from './validation-rules.ts';

/** Checks messages against the constraints of their .proto files. */
export interface Validator {
  /**
   * All that is wrong with a message, each with its path; what is inside an Any is not looked at.
   * `path` is put in front of the paths.
   */
  validate<T>(type: MessageType<T>, message: T, path?: string): Problem[];
}

/** Makes a validator; the checks of a type are worked out when it is first met. */
export function createValidator(rules: ValidationRules): Validator {
  return new RuleValidator(rules);
}

interface FieldCheck {
  readonly field: Field;
  readonly required: boolean;
  readonly skipNested: boolean;
  /** Of the value, or of each element. */
  readonly checks: readonly ValueCheck[];
  readonly keyChecks: readonly ValueCheck[];
  /** Of the list or map as a whole. */
  readonly size: { readonly min: number; readonly max: number; readonly unique: boolean };
}

interface MessageCheck {
  readonly fields: readonly FieldCheck[];
  readonly oneofs: readonly (readonly Field[])[];
}

class RuleValidator implements Validator {
  readonly #rules: ValidationRules;
  readonly #checks = new Map<AnyMessageType, MessageCheck>();

  constructor(rules: ValidationRules) {
    this.#rules = rules;
  }

  validate<T>(type: MessageType<T>, message: T, path = ''): Problem[] {
    const problems: Problem[] = [];
    this.#message(type, message, path, problems);
    return problems;
  }

  #message(type: AnyMessageType, message: unknown, path: string, problems: Problem[]): void {
    if (type.special !== undefined) return;
    const { fields, oneofs } = this.#checksOf(type);
    const values = message as Readonly<Record<string, unknown>>;
    for (const members of oneofs) {
      if (members.some((member) => values[member.name] !== undefined)) continue;
      problems.push({ path, message: `needs one of ${members.map((member) => member.name).join(', ')}` });
    }
    for (const check of fields) {
      const value = values[check.field.name];
      const at = path === '' ? check.field.name : `${path}.${check.field.name}`;
      if (check.field.shape === 'single') this.#single(check, value, at, problems);
      else this.#many(check, value, at, problems);
    }
  }

  #single(check: FieldCheck, given: unknown, path: string, problems: Problem[]): void {
    const { field } = check;
    let value = given;
    if (value === undefined) {
      if (field.oneof !== undefined) return;
      if (check.required) problems.push({ path, message: 'is required' });
      if (field.explicit || field.kind === 'message' || check.checks.length === 0) return;
      value = zeroOf(field);
    }
    this.#value(check, value, path, problems);
  }

  #many(check: FieldCheck, value: unknown, path: string, problems: Problem[]): void {
    const { size } = check;
    const entries: readonly (readonly [string, unknown])[] =
      value === undefined
        ? []
        : Array.isArray(value)
          ? value.map((item, i) => [`${path}[${i}]`, item] as const)
          : Object.entries(value as object).map(([key, item]) => {
              const at = `${path}[${JSON.stringify(key)}]`;
              for (const keyCheck of check.keyChecks) report(keyCheck(key), at, problems);
              return [at, item as unknown] as const;
            });
    if (entries.length < size.min) problems.push({ path, message: `needs at least ${countOf(size.min)}` });
    if (entries.length > size.max) problems.push({ path, message: `takes at most ${countOf(size.max)}` });
    if (size.unique && new Set(entries.map(([, item]) => item)).size < entries.length) {
      problems.push({ path, message: 'has an entry twice' });
    }
    for (const [at, item] of entries) this.#value(check, item, at, problems);
  }

  #value(check: FieldCheck, value: unknown, path: string, problems: Problem[]): void {
    for (const valueCheck of check.checks) report(valueCheck(value), path, problems);
    const { message } = check.field;
    if (message !== undefined && !check.skipNested) this.#message(message, value, path, problems);
  }

  #checksOf(type: AnyMessageType): MessageCheck {
    let checks = this.#checks.get(type);
    if (checks === undefined) {
      const { fields = {}, oneofs = [] } = this.#rules(type.typeName) ?? {};
      checks = {
        fields: type.table.fields
          .filter(
            (field) =>
              field.name in fields || (field.message !== undefined && field.message.special === undefined),
          )
          .map((field) => compile(field, fields[field.name] ?? {})),
        oneofs: oneofs.map((name) => type.table.oneofs.get(name) ?? []),
      };
      this.#checks.set(type, checks);
    }
    return checks;
  }
}

function compile(field: Field, rules: FieldRules): FieldCheck {
  const { repeated, map } = rules;
  const element = repeated?.items ?? map?.values ?? (field.shape === 'single' ? rules : {});
  return {
    field,
    required: rules.message?.required ?? rules.duration?.required ?? rules.any?.required ?? false,
    skipNested: element.message?.skip ?? rules.message?.skip ?? false,
    checks: valueChecks(element, field),
    keyChecks: map?.keys === undefined ? [] : valueChecks(map.keys, field),
    size: {
      min: Number(repeated?.minItems ?? map?.minPairs ?? 0),
      max: Number(repeated?.maxItems ?? map?.maxPairs ?? Infinity),
      unique: repeated?.unique ?? false,
    },
  };
}

function zeroOf(field: Field): unknown {
  if (field.kind === 'string') return '';
  if (field.kind === 'bytes') return new Uint8Array();
  if (field.kind === 'enum') return field.enumeration?.byNumber.get(0) ?? 0;
  return field.kind === 'bool' ? false : 0;
}

function countOf(count: number): string {
  return count === 1 ? 'one entry' : `${count} entries`;
}

function report(message: string | undefined, path: string, problems: Problem[]): void {
  if (message !== undefined) problems.push({ path, message });
}
