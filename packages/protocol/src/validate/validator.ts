import type { Problem } from '@lateen/core';
import { decode } from '../codec/decode.ts';
import type { AnyMessageType, Field, MessageType, TypeRegistry } from '../codec/message-type.ts';
import { typeNameOf } from '../codec/type-url.ts';
import { Any, Duration } from '../codec/well-known.ts';
import { valueChecks, type ValueCheck } from './value-check.ts';
import type { FieldRules, MessageRules } from './message-rules.ts';

/** Checks messages against the constraints of their .proto files. */
export interface Validator {
  /**
   * All that is wrong with a message and with those nested in it, each with its path.
   *
   * What is inside an Any is looked at where `registry` has its type.
   */
  validate<T>(type: MessageType<T>, message: T, registry?: TypeRegistry): Problem[];
}

/** Makes a validator; the checks of a type are worked out when it is first met. */
export function createValidator(): Validator {
  return new RuleValidator();
}

/** One call of `validate`. */
interface Run {
  readonly problems: Problem[];
  readonly registry: TypeRegistry | undefined;
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
  readonly #checks = new Map<AnyMessageType, MessageCheck>();

  validate<T>(type: MessageType<T>, message: T, registry?: TypeRegistry): Problem[] {
    const run: Run = { problems: [], registry };
    this.#message(type, message, run);
    return run.problems;
  }

  // Paths are worked out on the way back, and only where there is a problem: a table of routes has a million fields.

  #message(type: AnyMessageType, message: unknown, run: Run): void {
    if (type.special !== undefined) {
      if (type === Any && run.registry !== undefined) this.#any(message as Any, run, run.registry);
      return;
    }
    const { problems } = run;
    const { fields, oneofs } = this.#checksOf(type);
    const values = message as Readonly<Record<string, unknown>>;
    for (const members of oneofs) {
      if (members.some((member) => values[member.name] !== undefined)) continue;
      problems.push({
        path: '',
        message: `needs one of ${members.map((member) => documentedName(member.name)).join(', ')}`,
      });
    }
    for (const check of fields) {
      const value = values[check.field.name];
      const before = problems.length;
      if (check.field.shape === 'single') this.#single(check, value, run);
      else if (value === undefined) reportCount(check, 0, problems);
      else if (Array.isArray(value)) this.#list(check, value, run);
      else this.#map(check, value as Readonly<Record<string, unknown>>, run);
      if (problems.length > before) placeAt(problems, before, check.field.name);
    }
  }

  #any(any: Any, run: Run, registry: TypeRegistry): void {
    const type = registry.get(typeNameOf(any.typeUrl));
    if (type === undefined) return;
    const decoded = decode(type, any.value);
    if (decoded.ok) this.#message(type, decoded.value, run);
    else {
      run.problems.push(...decoded.problems.map((p) => ({ path: '', message: `${p.path}: ${p.message}` })));
    }
  }

  #single(check: FieldCheck, given: unknown, run: Run): void {
    const { field } = check;
    let value = given;
    if (value === undefined) {
      if (field.oneof !== undefined) return;
      if (check.required) run.problems.push({ path: '', message: 'is required' });
      if (field.explicit || field.kind === 'message' || check.checks.length === 0) return;
      value = zeroOf(field);
    }
    this.#value(check, value, run);
  }

  #list(check: FieldCheck, items: readonly unknown[], run: Run): void {
    const { problems } = run;
    reportCount(check, items.length, problems);
    if (check.size.unique && new Set(items).size < items.length) {
      problems.push({ path: '', message: 'has an entry twice' });
    }
    for (let i = 0; i < items.length; i++) {
      const before = problems.length;
      this.#value(check, items[i], run);
      if (problems.length > before) placeAt(problems, before, `[${i}]`);
    }
  }

  #map(check: FieldCheck, entries: Readonly<Record<string, unknown>>, run: Run): void {
    const { problems } = run;
    const keys = Object.keys(entries);
    reportCount(check, keys.length, problems);
    for (const key of keys) {
      const before = problems.length;
      for (const keyCheck of check.keyChecks) report(keyCheck(key), problems);
      this.#value(check, entries[key], run);
      if (problems.length > before) placeAt(problems, before, `[${JSON.stringify(key)}]`);
    }
  }

  #value(check: FieldCheck, value: unknown, run: Run): void {
    for (const valueCheck of check.checks) report(valueCheck(value), run.problems);
    const { message } = check.field;
    if (message !== undefined && !check.skipNested) this.#message(message, value, run);
  }

  #checksOf(type: AnyMessageType): MessageCheck {
    let checks = this.#checks.get(type);
    if (checks === undefined) {
      const { fields = {}, oneofs = [] } = rulesOf(type);
      checks = {
        fields: type.table.fields
          .filter(
            (field) =>
              field.name in fields ||
              field.message === Any ||
              field.message === Duration ||
              (field.message !== undefined && field.message.special === undefined),
          )
          .map((field) => compile(field, fields[field.name] ?? {})),
        oneofs: oneofs.map((name) => type.table.oneofs.get(name) ?? []),
      };
      this.#checks.set(type, checks);
    }
    return checks;
  }
}

function rulesOf(type: AnyMessageType): MessageRules {
  return type.constraints === undefined ? {} : (JSON.parse(type.constraints) as MessageRules);
}

function compile(field: Field, rules: FieldRules): FieldCheck {
  const { repeated, map } = rules;
  const element = repeated?.items ?? map?.values ?? (field.shape === 'single' ? rules : {});
  return {
    field,
    required: rules.message?.required ?? rules.duration?.required ?? rules.any?.required ?? false,
    skipNested: element.message?.skip ?? rules.message?.skip ?? false,
    checks: [
      ...valueChecks(element, field),
      ...(field.message === Duration && element.duration === undefined ? [isNoPast] : []),
    ],
    keyChecks: map?.keys === undefined ? [] : valueChecks(map.keys, field),
    size: {
      min: Number(repeated?.minItems ?? map?.minPairs ?? 0),
      max: Number(repeated?.maxItems ?? map?.maxPairs ?? Infinity),
      unique: repeated?.unique ?? false,
    },
  };
}

/** No duration of Envoy's may be negative, whether its field has a rule or not. */
function isNoPast(ms: unknown): string | undefined {
  return typeof ms === 'number' && ms < 0 ? 'must not be negative' : undefined;
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

function report(message: string | undefined, problems: Problem[]): void {
  if (message !== undefined) problems.push({ path: '', message });
}

function reportCount({ size }: FieldCheck, count: number, problems: Problem[]): void {
  if (count < size.min) problems.push({ path: '', message: `needs at least ${countOf(size.min)}` });
  if (count > size.max) problems.push({ path: '', message: `takes at most ${countOf(size.max)}` });
}

/** Puts a field's name or an entry's place before the paths of the problems from `start` on. */
function placeAt(problems: Problem[], start: number, segment: string): void {
  for (let i = start; i < problems.length; i++) {
    const problem = problems[i] as Problem;
    const { path } = problem;
    const joint = path === '' || path.startsWith('[') ? '' : '.';
    problems[i] = { ...problem, path: `${segment}${joint}${path}` };
  }
}

/** As Envoy's documentation writes it: `routeConfig` is `route_config`. */
function documentedName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
