import { ok, problem, type Result } from '@lateen/core';

/** `LabelSelector` of the API: all of it must match. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly LabelSelectorRequirement[];
}

export interface LabelSelectorRequirement {
  readonly key: string;
  /** `In`, `NotIn`, `Exists` or `DoesNotExist`; anything else matches nothing. */
  readonly operator: string;
  readonly values?: readonly string[];
}

/** Says whether a set of labels is selected. */
export type LabelMatcher = (labels: Readonly<Record<string, string>> | undefined) => boolean;

const none: Readonly<Record<string, string>> = {};

/** Compiles a selector object. An empty one matches everything; an absent one nothing. */
export function labelMatcher(selector: LabelSelector | undefined | null): LabelMatcher {
  if (selector === undefined || selector === null) return () => false;
  const equal = Object.entries(selector.matchLabels ?? {});
  const tests = (selector.matchExpressions ?? []).map(requirementTest);
  return (labels = none) =>
    equal.every(([key, value]) => labels[key] === value) && tests.every((test) => test(labels));
}

/** True where the labels have every pair of `wanted`; how Services select their pods. */
export function hasLabels(
  labels: Readonly<Record<string, string>> | undefined,
  wanted: Readonly<Record<string, string>>,
): boolean {
  for (const key in wanted) if (labels?.[key] !== wanted[key]) return false;
  return true;
}

function requirementTest(requirement: LabelSelectorRequirement): LabelMatcher {
  const { key } = requirement;
  const values = new Set(requirement.values ?? []);
  switch (requirement.operator) {
    case 'In':
      return (labels = none) => labels[key] !== undefined && values.has(labels[key]);
    case 'NotIn':
      return (labels = none) => labels[key] === undefined || !values.has(labels[key]);
    case 'Exists':
      return (labels = none) => labels[key] !== undefined;
    case 'DoesNotExist':
      return (labels = none) => labels[key] === undefined;
    default:
      return () => false;
  }
}

/**
 * Reads the text form that `kubectl -l` and queries use:
 * `app=web,version!=v1,tier in (a,b),tier notin (c),canary,!legacy`.
 */
export function parseLabelSelector(text: string): Result<LabelSelector> {
  const matchExpressions: LabelSelectorRequirement[] = [];
  for (const part of splitRequirements(text)) {
    const requirement = parseRequirement(part);
    if (requirement === undefined) {
      return problem(
        '',
        `unable to parse requirement: "${part}" is not of the form key, !key, key=value, key!=value, key in (…) or key notin (…)`,
      );
    }
    matchExpressions.push(requirement);
  }
  return ok({ matchExpressions });
}

/** The text form of a selector object, for a list or a watch. */
export function formatLabelSelector(selector: LabelSelector): string {
  const parts = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  for (const { key, operator, values = [] } of selector.matchExpressions ?? []) {
    if (operator === 'Exists') parts.push(key);
    else if (operator === 'DoesNotExist') parts.push(`!${key}`);
    else if (operator === 'In' && values.length === 1) parts.push(`${key}=${values[0]}`);
    else parts.push(`${key} ${operator === 'In' ? 'in' : 'notin'} (${values.join(',')})`);
  }
  return parts.join(',');
}

/** Splits at the commas outside parentheses. */
function splitRequirements(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let i = 0; i <= text.length; i++) {
    const c = text[i];
    if (c === '(') depth++;
    else if (c === ')') depth--;
    else if ((c === ',' && depth === 0) || c === undefined) {
      const part = text.slice(from, i).trim();
      if (part !== '' || parts.length > 0 || c !== undefined) parts.push(part);
      from = i + 1;
    }
  }
  return parts;
}

const keyForm = /^([a-z0-9A-Z.-]+\/)?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/;
const valueForm = /^([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?$/;

function parseRequirement(part: string): LabelSelectorRequirement | undefined {
  if (part.startsWith('!')) {
    const key = part.slice(1).trim();
    return keyForm.test(key) ? { key, operator: 'DoesNotExist' } : undefined;
  }
  const set = /^(\S+)\s+(in|notin)\s*\(([^()]*)\)$/.exec(part);
  if (set !== null) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map((value) => value.trim());
    if (!keyForm.test(key) || !values.every((value) => valueForm.test(value))) return undefined;
    return { key, operator: operator === 'in' ? 'In' : 'NotIn', values };
  }
  const equality = /^([^=!\s]+)\s*(==|!=|=)\s*(\S*)$/.exec(part);
  if (equality !== null) {
    const [, key = '', operator, value = ''] = equality;
    if (!keyForm.test(key) || !valueForm.test(value)) return undefined;
    return { key, operator: operator === '!=' ? 'NotIn' : 'In', values: [value] };
  }
  return keyForm.test(part) ? { key: part, operator: 'Exists' } : undefined;
}
