import { isJsonObject } from '@lateen/kube';

/** Reads the values that a path leads to. */
export type PathReader = (object: unknown) => unknown[];

type Step = (values: unknown[]) => unknown[];

/**
 * Compiles the JSONPath of a printer column: `.spec.hosts`, `.status.conditions[?(@.type=="Ready")].status`,
 * `.spec.gateways[0]`, `.metadata.labels.app\.kubernetes\.io/name`, `[*]`. Undefined where it is none.
 */
export function compileJsonPath(text: string): PathReader | undefined {
  const steps: Step[] = [];
  let rest = text
    .trim()
    .replace(/^\{(.*)\}$/s, '$1')
    .replace(/^\$/, '');
  while (rest !== '') {
    const next = parseStep(rest);
    if (next === undefined) return undefined;
    steps.push(next.step);
    rest = rest.slice(next.length);
  }
  return (object) => steps.reduce<unknown[]>((values, step) => step(values), [object]);
}

function parseStep(text: string): { step: Step; length: number } | undefined {
  const field = /^\.((?:[^.[\]\\]|\\.)+)/.exec(text);
  if (field !== null) {
    const name = (field[1] ?? '').replaceAll(/\\(.)/g, '$1');
    const step: Step =
      name === '*' ? (values) => values.flatMap(children) : (values) => values.flatMap(fieldOf(name));
    return { step, length: field[0].length };
  }
  if (text === '.') return { step: (values) => values, length: 1 };
  const filter = /^\[\?\(\s*@\.([^\s=!<>)]+)\s*(==|!=)\s*(?:"([^"]*)"|'([^']*)'|([^\s)]+))\s*\)\]/.exec(text);
  if (filter !== null) {
    const [whole, path = '', operator, double, single, bare] = filter;
    const wanted = double ?? single ?? bare ?? '';
    const inner = compileJsonPath(`.${path}`);
    if (inner === undefined) return undefined;
    const step: Step = (values) =>
      values.flatMap(children).filter((value) => {
        const same = inner(value).some((found) => String(found) === wanted);
        return same === (operator === '==');
      });
    return { step, length: whole.length };
  }
  const index = /^\[(-?\d+|\*|'[^']*'|"[^"]*")\]/.exec(text);
  if (index === null) return undefined;
  const [whole, token = ''] = index;
  if (token === '*') return { step: (values) => values.flatMap(children), length: whole.length };
  if (/^['"]/.test(token)) {
    return { step: (values) => values.flatMap(fieldOf(token.slice(1, -1))), length: whole.length };
  }
  const place = Number(token);
  const step: Step = (values) =>
    values.flatMap((value) => {
      const found: unknown = Array.isArray(value) ? value.at(place) : undefined;
      return found === undefined ? [] : [found];
    });
  return { step, length: whole.length };
}

function fieldOf(name: string): (value: unknown) => unknown[] {
  return (value) => (isJsonObject(value) && Object.hasOwn(value, name) ? [value[name]] : []);
}

function children(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  return isJsonObject(value) ? Object.values(value) : [];
}
