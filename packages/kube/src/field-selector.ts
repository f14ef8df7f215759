import { ok, problem, type Result } from '@lateen/core';

/** One condition of a field selector: `metadata.name=web`, `status.phase!=Running`. */
export interface FieldRequirement {
  /** Dotted path, as in `spec.nodeName`. */
  readonly path: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

/** Reads `a=b,c!=d`; `==` is `=`. Backslash escapes comma, equals sign and backslash in values. */
export function parseFieldSelector(text: string): Result<readonly FieldRequirement[]> {
  const requirements: FieldRequirement[] = [];
  for (const part of text.split(/(?<!\\),/)) {
    if (part.trim() === '') continue;
    const found = /^([^=!\s]+)\s*(==|!=|=)\s*(.*)$/.exec(part.trim());
    if (found === null) {
      return problem('', `invalid selector: "${part}"; it must be of the form field=value or field!=value`);
    }
    const [, path = '', operator, value = ''] = found;
    requirements.push({
      path,
      operator: operator === '!=' ? '!=' : '=',
      value: value.replace(/\\([,=\\])/g, '$1'),
    });
  }
  return ok(requirements);
}

/** True where the object meets every condition; an absent field is the empty text, as the API has it. */
export function matchesFields(object: unknown, requirements: readonly FieldRequirement[]): boolean {
  return requirements.every(
    ({ path, operator, value }) => (fieldText(object, path) === value) === (operator === '='),
  );
}

function fieldText(object: unknown, path: string): string {
  let at: unknown = object;
  for (const name of path.split('.')) {
    if (typeof at !== 'object' || at === null) return '';
    at = (at as Record<string, unknown>)[name];
  }
  switch (typeof at) {
    case 'string':
      return at;
    case 'number':
    case 'boolean':
      return String(at);
    default:
      return '';
  }
}
