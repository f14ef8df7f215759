import { regexEngine } from '../../decide/regex-engine.ts';
import { CelSyntaxError, parseCel, type CelNode } from './cel-syntax.ts';

/** A value of an expression; undefined where it cannot be worked out (an error of CEL). */
export type CelValue = string | number | boolean | null | undefined | readonly CelValue[] | CelMap;

/** What has members; undefined for those that are not there. */
export interface CelMap {
  member(key: string): CelValue;
}

/** How to find what a name stands for that an expression begins with. */
export interface CelRoot<C> {
  (context: C): CelValue;
  /** The members that it may have; undefined where any may be there. */
  readonly members?: ReadonlySet<string>;
}

export type CelRoots<C> = Readonly<Record<string, CelRoot<C>>>;

/** A compiled expression. */
export type CelProgram<C> = (context: C) => CelValue;

/**
 * Compiles an expression; throws a {@link CelSyntaxError} for what is not known. Regular expressions must be literals, and
 * are compiled here. As in CEL, `&&` and `||` take an error for nothing where the other side decides.
 */
export function compileCel<C>(text: string, roots: CelRoots<C>): CelProgram<C> {
  return new Compiler(roots).compile(parseCel(text));
}

function isMap(value: CelValue): value is CelMap {
  return typeof value === 'object' && value !== null && 'member' in value;
}

function memberOf(value: CelValue, key: CelValue): CelValue {
  if (Array.isArray(value)) return typeof key === 'number' ? (value as readonly CelValue[])[key] : undefined;
  return isMap(value) && typeof key === 'string' ? value.member(key) : undefined;
}

function both(left: CelValue, right: CelValue): readonly [number, number] | undefined {
  return typeof left === 'number' && typeof right === 'number' ? [left, right] : undefined;
}

function compare(op: string, left: CelValue, right: CelValue): CelValue {
  const isText = typeof left === 'string' && typeof right === 'string';
  if (!isText && both(left, right) === undefined) return undefined;
  const [a, b] = [left as number, right as number];
  switch (op) {
    case '<':
      return a < b;
    case '<=':
      return a <= b;
    case '>':
      return a > b;
    default:
      return a >= b;
  }
}

function calculate(op: string, left: CelValue, right: CelValue): CelValue {
  if (op === '+' && typeof left === 'string' && typeof right === 'string') return left + right;
  const numbers = both(left, right);
  if (numbers === undefined) return undefined;
  const [a, b] = numbers;
  const whole = Number.isInteger(a) && Number.isInteger(b);
  switch (op) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return b === 0 && whole ? undefined : whole ? Math.trunc(a / b) : a / b;
    default:
      return b === 0 ? undefined : a % b;
  }
}

function isIn(item: CelValue, of: CelValue): CelValue {
  if (item === undefined) return undefined;
  if (Array.isArray(of)) return of.includes(item);
  return isMap(of) && typeof item === 'string' ? of.member(item) !== undefined : undefined;
}

const methods: Readonly<Record<string, (target: string, argument: string) => boolean>> = {
  startsWith: (target, argument) => target.startsWith(argument),
  endsWith: (target, argument) => target.endsWith(argument),
  contains: (target, argument) => target.includes(argument),
};

const functions: Readonly<Record<string, (value: CelValue) => CelValue>> = {
  string: (value) =>
    typeof value === 'object' ? undefined : value === undefined ? undefined : String(value),
  int(value) {
    const number =
      typeof value === 'string' && value.trim() === '' ? Number.NaN : Number(value ?? Number.NaN);
    return typeof value === 'object' || Number.isNaN(number) ? undefined : Math.trunc(number);
  },
  double(value) {
    const number = Number(value ?? Number.NaN);
    return typeof value === 'object' || Number.isNaN(number) ? undefined : number;
  },
  size: (value) => (typeof value === 'string' || Array.isArray(value) ? value.length : undefined),
};

class Compiler<C> {
  readonly #roots: CelRoots<C>;

  constructor(roots: CelRoots<C>) {
    this.#roots = roots;
  }

  compile(node: CelNode): CelProgram<C> {
    switch (node.kind) {
      case 'literal': {
        const { value } = node;
        return () => value;
      }
      case 'name': {
        const root = Object.hasOwn(this.#roots, node.name) ? this.#roots[node.name] : undefined;
        if (root === undefined) throw new CelSyntaxError(`the attribute "${node.name}" is not known`);
        return root;
      }
      case 'member': {
        const of = this.compile(node.of);
        this.#checkMember(node);
        const key = this.compile(node.key);
        return (context) => memberOf(of(context), key(context));
      }
      case 'list': {
        const items = node.items.map((item) => this.compile(item));
        return (context) => items.map((item) => item(context));
      }
      case 'unary': {
        const value = this.compile(node.value);
        return node.op === '!'
          ? (context) => negate(value(context))
          : (context) => calculate('-', 0, value(context));
      }
      case 'choice': {
        const [test, yes, no] = [node.test, node.yes, node.no].map((one) => this.compile(one)) as [
          CelProgram<C>,
          CelProgram<C>,
          CelProgram<C>,
        ];
        return (context) => {
          const decided = test(context);
          return typeof decided === 'boolean' ? (decided ? yes : no)(context) : undefined;
        };
      }
      case 'binary':
        return this.#binary(node.op, this.compile(node.left), this.compile(node.right));
      default:
        return this.#call(node);
    }
  }

  /** What a root can never have is a mistake, not something that is missing now. */
  #checkMember({ of, key }: CelNode & { readonly kind: 'member' }): void {
    if (of.kind !== 'name' || key.kind !== 'literal') return;
    const members = this.#roots[of.name]?.members;
    if (members === undefined || members.has(String(key.value))) return;
    throw new CelSyntaxError(
      `the attribute "${of.name}.${String(key.value)}" is not known: ${of.name} has ${[...members].join(', ')}`,
    );
  }

  #binary(op: string, left: CelProgram<C>, right: CelProgram<C>): CelProgram<C> {
    switch (op) {
      case '&&':
      case '||': {
        const decisive = op === '||';
        return (context) => {
          const a = left(context);
          if (a === decisive) return decisive;
          const b = right(context);
          if (b === decisive) return decisive;
          return typeof a === 'boolean' && typeof b === 'boolean' ? !decisive : undefined;
        };
      }
      case '==':
      case '!=': {
        const same = op === '==';
        return (context) => {
          const a = left(context);
          const b = right(context);
          return a === undefined || b === undefined ? undefined : (a === b) === same;
        };
      }
      case 'in':
        return (context) => isIn(left(context), right(context));
      case '<':
      case '<=':
      case '>':
      case '>=':
        return (context) => compare(op, left(context), right(context));
      default:
        return (context) => calculate(op, left(context), right(context));
    }
  }

  #call({ name, target, args }: CelNode & { readonly kind: 'call' }): CelProgram<C> {
    const [first, ...more] = args;
    if (first === undefined || more.length > 0) throw new CelSyntaxError(`${name}() takes one argument`);
    if (target === undefined) {
      if (name === 'has') {
        if (first.kind !== 'member') throw new CelSyntaxError('has() takes a member, as in has(a.b)');
        const value = this.compile(first);
        return (context) => value(context) !== undefined;
      }
      const run = Object.hasOwn(functions, name) ? functions[name] : undefined;
      if (run === undefined) throw new CelSyntaxError(`the function ${name}() is not known`);
      const value = this.compile(first);
      return (context) => run(value(context));
    }
    const text = this.compile(target);
    if (name === 'matches') {
      if (first.kind !== 'literal' || typeof first.value !== 'string')
        throw new CelSyntaxError('matches() takes a text that is no expression');
      const pattern = regexEngine().compile(first.value);
      return (context) => {
        const value = text(context);
        return typeof value === 'string' ? pattern.matcher(value).find() : undefined;
      };
    }
    const run = Object.hasOwn(methods, name) ? methods[name] : undefined;
    if (run === undefined) throw new CelSyntaxError(`the method ${name}() is not known`);
    const argument = this.compile(first);
    return (context) => {
      const value = text(context);
      const given = argument(context);
      return typeof value === 'string' && typeof given === 'string' ? run(value, given) : undefined;
    };
  }
}

function negate(value: CelValue): CelValue {
  return typeof value === 'boolean' ? !value : undefined;
}
