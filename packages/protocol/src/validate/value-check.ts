import type { Field } from '../codec/message-type.ts';
import { parseDuration } from '../codec/time-text.ts';
import type { EnumRules, FieldRules, LengthRules, RangeRules, StringRules } from './message-rules.ts';

/** Says what is wrong with a value; undefined where nothing is. */
export type ValueCheck = (value: unknown) => string | undefined;

/** The checks of one value (not of a list or map) that its rules ask for. */
export function valueChecks(rules: FieldRules, field: Field): ValueCheck[] {
  const checks: ValueCheck[] = [];
  if (rules.string !== undefined) checks.push(...stringChecks(rules.string));
  if (rules.bytes !== undefined) checks.push(...lengthChecks(rules.bytes, 'bytes', sizeOf));
  if (rules.enum !== undefined) checks.push(...enumChecks(rules.enum, field));
  if (rules.duration !== undefined) checks.push(...rangeChecks(rules.duration, parseBoundDuration));
  if (rules.bool?.const !== undefined) {
    const { const: only } = rules.bool;
    checks.push((value) => (value === only ? undefined : `must be ${String(only)}`));
  }
  for (const kind of ['double', 'float', 'int32', 'int64', 'uint32', 'uint64'] as const) {
    const range = rules[kind];
    if (range !== undefined) checks.push(...rangeChecks(range, Number));
  }
  return checks;
}

function sizeOf(value: unknown): number {
  return (value as Uint8Array).length;
}

function parseBoundDuration(bound: number | string): number {
  const ms = parseDuration(String(bound));
  if (ms === undefined) throw new Error(`${bound} is not a duration`);
  return ms;
}

function lengthChecks(rules: LengthRules, unit: string, measure: (value: unknown) => number): ValueCheck[] {
  const checks: ValueCheck[] = [];
  if (rules.minLen !== undefined) {
    const min = Number(rules.minLen);
    checks.push((value) =>
      measure(value) >= min
        ? undefined
        : min === 1
          ? 'must not be empty'
          : `must have at least ${min} ${unit}`,
    );
  }
  if (rules.maxLen !== undefined) {
    const max = Number(rules.maxLen);
    checks.push((value) => (measure(value) <= max ? undefined : `must have at most ${max} ${unit}`));
  }
  return checks;
}

// Characters as protoc-gen-validate counts them: code points.
function charactersOf(value: unknown): number {
  let count = 0;
  for (const _ of value as string) count++;
  return count;
}

const utf8Bytes = (value: unknown): number => Buffer.byteLength(value as string);

function stringChecks(rules: StringRules): ValueCheck[] {
  const checks = [
    ...lengthChecks(rules, 'characters', charactersOf),
    ...lengthChecks({ ...bytesAsLength(rules) }, 'bytes', utf8Bytes),
  ];
  if (rules.in !== undefined) {
    const allowed = rules.in;
    checks.push((value) =>
      allowed.includes(value as string) ? undefined : `must be one of ${allowed.join(', ')}`,
    );
  }
  if (rules.pattern !== undefined) {
    const pattern = new RegExp(rules.pattern, 'u');
    checks.push((value) => (pattern.test(value as string) ? undefined : `must match ${rules.pattern ?? ''}`));
  }
  if (rules.wellKnownRegex !== undefined)
    checks.push(headerCheck(rules.wellKnownRegex, rules.strict ?? true));
  if (rules.ignoreEmpty !== true) return checks;
  return checks.map((check) => (value: unknown) => (value === '' ? undefined : check(value)));
}

function bytesAsLength(rules: StringRules): LengthRules {
  return {
    ...(rules.minBytes === undefined ? {} : { minLen: rules.minBytes }),
    ...(rules.maxBytes === undefined ? {} : { maxLen: rules.maxBytes }),
  };
}

// protoc-gen-validate, "well known regex"; the lax forms refuse only what would break a header's framing.
const headerName = /^:?[0-9A-Za-z!#$%&'*+\-.^_|~`]+$/;
// oxlint-disable-next-line no-control-regex -- control characters are what it refuses
const headerValue = /^[^\u0000-\u0008\u000a-\u001f\u007f]*$/;
// oxlint-disable-next-line no-control-regex -- control characters are what it refuses
const unbrokenLine = /^[^\u0000\n\r]*$/;

function headerCheck(kind: NonNullable<StringRules['wellKnownRegex']>, strict: boolean): ValueCheck {
  const isName = kind === 'HTTP_HEADER_NAME';
  const pattern = strict ? (isName ? headerName : headerValue) : unbrokenLine;
  const message = strict
    ? `must be a valid HTTP header ${isName ? 'name' : 'value'}`
    : 'must not contain NUL, CR or LF';
  return (value) => (pattern.test(value as string) ? undefined : message);
}

function enumChecks(rules: EnumRules, field: Field): ValueCheck[] {
  const checks: ValueCheck[] = [];
  const numberOf = (value: unknown): number =>
    typeof value === 'number' ? value : (field.enumeration?.byName.get(value as string) ?? 0);
  const nameOf = (number: number): string => field.enumeration?.byNumber.get(number) ?? String(number);
  if (rules.definedOnly === true) {
    checks.push((value) => (typeof value === 'number' ? `${value} is not a known value` : undefined));
  }
  if (rules.notIn !== undefined) {
    const refused = rules.notIn;
    checks.push((value) =>
      refused.includes(numberOf(value)) ? `must not be ${refused.map(nameOf).join(', ')}` : undefined,
    );
  }
  if (rules.in !== undefined) {
    const allowed = rules.in;
    checks.push((value) =>
      allowed.includes(numberOf(value)) ? undefined : `must be one of ${allowed.map(nameOf).join(', ')}`,
    );
  }
  return checks;
}

function rangeChecks(rules: RangeRules, parse: (bound: number | string) => number): ValueCheck[] {
  const checks: ValueCheck[] = [];
  const add = (
    bound: number | string | undefined,
    wording: string,
    holds: (value: number, limit: number) => boolean,
  ): void => {
    if (bound === undefined) return;
    const limit = parse(bound);
    checks.push((value) => (holds(value as number, limit) ? undefined : `must be ${wording} ${bound}`));
  };
  add(rules.gt, 'greater than', (value, limit) => value > limit);
  add(rules.gte, 'at least', (value, limit) => value >= limit);
  add(rules.lt, 'less than', (value, limit) => value < limit);
  add(rules.lte, 'at most', (value, limit) => value <= limit);
  return checks;
}
