/** One path segment, and what of a path may be in several of them (RFC 3986, pchar). */
const segment = "[a-zA-Z0-9:@.\\-_~!$'()+,;&*=%]+";
const anything = "[a-zA-Z0-9:@.\\-_~!$'()+,;&*=%/]*";
const maxVariables = 5;

/** A path template as a regular expression, and the variables that its groups are. */
export interface UriTemplate {
  readonly regex: string;
  readonly variables: readonly string[];
}

function quote(text: string): string {
  return text.replace(/[^a-zA-Z0-9/_-]/g, (character) => `\\${character}`);
}

/** A part of a template without variables: literals, `*` and `**`. */
function globRegex(text: string): string {
  return text
    .split('/')
    .map((part) => {
      if (part === '*') return segment;
      if (part === '**') return anything;
      if (part.includes('*')) throw new Error(`"${part}" holds more than one of literal, * and **`);
      return quote(part);
    })
    .join('/');
}

/**
 * Compiles a template like `/shops/{shop}/items/{rest=**}` (Envoy, `UriTemplateMatchConfig`): `*` is one segment, `**`
 * any number at the end, `{name}` a variable of one segment, `{name=…}` one of a pattern. Throws where it is none.
 */
export function parseUriTemplate(template: string): UriTemplate {
  if (!template.startsWith('/')) throw new Error(`"${template}" does not begin with /`);
  if (/[?#\s]/.test(template)) throw new Error(`"${template}" holds what is not part of a path`);
  if (/\*\*(?!\}?$)/.test(template)) throw new Error(`"${template}" has something after **`);
  const variables: string[] = [];
  let regex = '';
  let rest = template;
  while (rest !== '') {
    const found = /^\{([a-zA-Z][a-zA-Z0-9_]{0,15})(?:=([^{}]+))?\}/.exec(rest);
    if (found !== null) {
      const name = found[1] as string;
      if (variables.includes(name)) throw new Error(`"${template}" has the variable ${name} twice`);
      variables.push(name);
      regex += `(${globRegex(found[2] ?? '*')})`;
      rest = rest.slice(found[0].length);
      continue;
    }
    const next = rest.indexOf('{');
    const literal = next < 0 ? rest : rest.slice(0, next);
    if (literal === '' || literal.includes('}')) throw new Error(`"${template}" has a brace out of place`);
    regex += globRegex(literal);
    rest = rest.slice(literal.length);
  }
  if (variables.length > maxVariables)
    throw new Error(`"${template}" has more than ${maxVariables} variables`);
  return { regex, variables };
}

/** A rewrite like `/items/{rest}` as texts and numbers of the groups of `template`. Throws where it names none of its variables. */
export function parseUriRewrite(rewrite: string, { variables }: UriTemplate): readonly (string | number)[] {
  const parts = rewrite.split(/\{([^{}]*)\}/);
  return parts.map((part, i) => {
    if (i % 2 === 0) {
      if (/[{}?#\s]/.test(part)) throw new Error(`"${rewrite}" is no rewrite of a path`);
      return part;
    }
    const group = variables.indexOf(part) + 1;
    if (group === 0) throw new Error(`"${rewrite}" uses the variable ${part}, which the template lacks`);
    return group;
  });
}
