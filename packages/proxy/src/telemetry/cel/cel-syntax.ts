/** A parsed expression of the Common Expression Language. */
export type CelNode =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'name'; readonly name: string }
  /** `of.key`, or `of[key]` with a text or a number. */
  | { readonly kind: 'member'; readonly of: CelNode; readonly key: CelNode }
  | { readonly kind: 'list'; readonly items: readonly CelNode[] }
  | { readonly kind: 'unary'; readonly op: '!' | '-'; readonly value: CelNode }
  | { readonly kind: 'binary'; readonly op: string; readonly left: CelNode; readonly right: CelNode }
  | { readonly kind: 'choice'; readonly test: CelNode; readonly yes: CelNode; readonly no: CelNode }
  /** `target.name(args)`, or `name(args)`. */
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly target: CelNode | undefined;
      readonly args: readonly CelNode[];
    };

/** An expression that cannot be read; the message says where. */
export class CelSyntaxError extends Error {}

interface Token {
  readonly kind: 'number' | 'text' | 'name' | 'sign' | 'end';
  readonly text: string;
  readonly at: number;
}

const token =
  /\s*(?:(\d+\.\d+(?:[eE][+-]?\d+)?|0x[0-9a-fA-F]+u?|\d+u?)|([rR]?"(?:[^"\\\n]|\\.)*"|[rR]?'(?:[^'\\\n]|\\.)*')|([A-Za-z_]\w*)|(&&|\|\||[<>=!]=|[-+*/%<>!?:.,()[\]]))/y;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (text.slice(at).trim() !== '') {
    token.lastIndex = at;
    const found = token.exec(text);
    if (found === null) throw new CelSyntaxError(`cannot be read from "${text.slice(at, at + 20)}" on`);
    const [, number, string, name, sign = ''] = found;
    if (number !== undefined) tokens.push({ kind: 'number', text: number, at });
    else if (string !== undefined) tokens.push({ kind: 'text', text: string, at });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name, at });
    else tokens.push({ kind: 'sign', text: sign, at });
    at = token.lastIndex;
  }
  tokens.push({ kind: 'end', text: '', at });
  return tokens;
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };

function unquote(text: string): string {
  const raw = /^[rR]/.test(text);
  const inner = text.slice(raw ? 2 : 1, -1);
  return raw ? inner : inner.replace(/\\(.)/g, (_, char: string) => escapes[char] ?? char);
}

/** Operators from those that bind least. */
const levels: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['<', '<=', '>', '>=', '==', '!=', 'in'],
  ['+', '-'],
  ['*', '/', '%'],
];
const maxDepth = 64;

/** Parses an expression; throws a {@link CelSyntaxError}. Macros but `has` and messages are not known. */
export function parseCel(text: string): CelNode {
  const parser = new Parser(tokensOf(text));
  const node = parser.expression();
  parser.end();
  return node;
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  expression(): CelNode {
    if (++this.#depth > maxDepth) throw new CelSyntaxError('is nested too deeply');
    const test = this.#binary(0);
    let node = test;
    if (this.#take('?')) {
      const yes = this.expression();
      this.#expect(':');
      node = { kind: 'choice', test, yes, no: this.expression() };
    }
    this.#depth--;
    return node;
  }

  end(): void {
    if (this.#token.kind !== 'end') this.#fail();
  }

  get #token(): Token {
    return this.#tokens[this.#at] as Token;
  }

  #fail(): never {
    const { kind, text, at } = this.#token;
    throw new CelSyntaxError(kind === 'end' ? 'ends too early' : `"${text}" at ${at} is not expected`);
  }

  #take(text: string): boolean {
    const { kind, text: own } = this.#token;
    if (own !== text || (kind !== 'sign' && kind !== 'name')) return false;
    this.#at++;
    return true;
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.#fail();
  }

  #binary(level: number): CelNode {
    const ops = levels[level];
    if (ops === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const op = ops.find((one) => this.#take(one));
      if (op === undefined) return left;
      left = { kind: 'binary', op, left, right: this.#binary(level + 1) };
    }
  }

  #unary(): CelNode {
    for (const op of ['!', '-'] as const) {
      if (!this.#take(op)) continue;
      if (++this.#depth > maxDepth) throw new CelSyntaxError('is nested too deeply');
      const value = this.#unary();
      this.#depth--;
      return { kind: 'unary', op, value };
    }
    return this.#members();
  }

  #members(): CelNode {
    let node = this.#primary();
    for (;;) {
      if (this.#take('.')) {
        const name = this.#name();
        node = this.#take('(')
          ? { kind: 'call', name, target: node, args: this.#list(')') }
          : { kind: 'member', of: node, key: { kind: 'literal', value: name } };
      } else if (this.#take('[')) {
        node = { kind: 'member', of: node, key: this.expression() };
        this.#expect(']');
      } else return node;
    }
  }

  #name(): string {
    const { kind, text } = this.#token;
    if (kind !== 'name') this.#fail();
    this.#at++;
    return text;
  }

  #list(end: string): CelNode[] {
    const items: CelNode[] = [];
    if (this.#take(end)) return items;
    do items.push(this.expression());
    while (this.#take(','));
    this.#expect(end);
    return items;
  }

  #primary(): CelNode {
    if (this.#take('(')) {
      const node = this.expression();
      this.#expect(')');
      return node;
    }
    if (this.#take('[')) return { kind: 'list', items: this.#list(']') };
    const { kind, text } = this.#token;
    if (kind === 'end' || kind === 'sign') this.#fail();
    this.#at++;
    if (kind === 'number') return { kind: 'literal', value: Number(text.replace(/u$/, '')) };
    if (kind === 'text') return { kind: 'literal', value: unquote(text) };
    if (text === 'true' || text === 'false') return { kind: 'literal', value: text === 'true' };
    if (text === 'null') return { kind: 'literal', value: null };
    if (this.#take('(')) return { kind: 'call', name: text, target: undefined, args: this.#list(')') };
    return { kind: 'name', name: text };
  }
}
