import { ok, problem, problems, type Problem, type Result } from '@lateen/core';

/** One option of a program, as `-p, --envoy-port PORT`. */
export interface OptionSpec {
  /** The long name, without dashes. */
  readonly name: string;
  /** The letter, without a dash. */
  readonly short?: string;
  /** Further long names that mean the same. */
  readonly aliases?: readonly string[];
  /** What stands for the value in the help; an option without it is a switch. */
  readonly value?: string;
  /** What the option does, in one sentence. */
  readonly help: string;
  /** True where the option is taken for compatibility and the help does not list it. */
  readonly hidden?: boolean;
}

/** What was typed: values by long name (all of them, in order), and the words that are no option. */
export interface ParsedOptions {
  readonly words: readonly string[];
  /** True where the switch was given (and not as `--name=false`). */
  has(name: string): boolean;
  /** The last value given for the option; undefined where it was not given. */
  value(name: string): string | undefined;
  /** All values given for the option, in order. */
  values(name: string): readonly string[];
}

/**
 * Reads a command line: `--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, `--switch`,
 * `--switch=false`, and `--` before words that begin with a dash.
 *
 * A value may be empty and may begin with a dash, since Istio's init container passes `-x ""`.
 */
export function parseOptions(args: readonly string[], specs: readonly OptionSpec[]): Result<ParsedOptions> {
  const values = new Map<string, string[]>();
  const words: string[] = [];
  const wrong: Problem[] = [];
  const byName = new Map<string, OptionSpec>();
  for (const spec of specs) {
    byName.set(`--${spec.name}`, spec);
    for (const alias of spec.aliases ?? []) byName.set(`--${alias}`, spec);
    if (spec.short !== undefined) byName.set(`-${spec.short}`, spec);
  }
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (arg === '--') {
      words.push(...args.slice(i + 1));
      break;
    }
    if (arg === '-' || !arg.startsWith('-')) {
      words.push(arg);
      continue;
    }
    const { name, attached } = splitArgument(arg, byName);
    const spec = byName.get(name);
    if (spec === undefined) {
      wrong.push({ path: name, message: `unknown option${didYouMean(name, [...byName.keys()])}` });
      continue;
    }
    let value = attached;
    if (spec.value === undefined) value ??= 'true';
    else if (value === undefined) {
      if (i + 1 >= args.length) {
        wrong.push({ path: name, message: `needs a value: ${name} ${spec.value}` });
        continue;
      }
      value = args[++i] ?? '';
    }
    values.set(spec.name, [...(values.get(spec.name) ?? []), value]);
  }
  if (wrong.length > 0) return problems(wrong);
  return ok({
    words,
    has: (name) => !['false', '0', undefined].includes(values.get(name)?.at(-1)),
    value: (name) => values.get(name)?.at(-1),
    values: (name) => values.get(name) ?? [],
  });
}

function splitArgument(
  arg: string,
  byName: ReadonlyMap<string, OptionSpec>,
): { readonly name: string; readonly attached: string | undefined } {
  const equals = arg.indexOf('=');
  if (equals > 0) {
    const name = arg.slice(0, equals);
    if (byName.has(name)) return { name, attached: arg.slice(equals + 1) };
  }
  if (byName.has(arg)) return { name: arg, attached: undefined };
  if (!arg.startsWith('--') && byName.get(arg.slice(0, 2))?.value !== undefined) {
    return { name: arg.slice(0, 2), attached: arg.slice(2) };
  }
  return { name: equals > 0 ? arg.slice(0, equals) : arg, attached: undefined };
}

/** `; did you mean --x?` for the closest candidate, or nothing where none is close. */
export function didYouMean(typed: string, candidates: readonly string[]): string {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(typed.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(typed, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best === undefined ? '' : `; did you mean ${best}?`;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** The options' part of a help text, one line each. */
export function helpLines(specs: readonly OptionSpec[]): string {
  const shown = specs.filter((spec) => spec.hidden !== true);
  const left = shown.map((spec) => {
    const short = spec.short === undefined ? '    ' : `-${spec.short}, `;
    return `  ${short}--${spec.name}${spec.value === undefined ? '' : ` ${spec.value}`}`;
  });
  const width = Math.min(40, Math.max(...left.map((text) => text.length)) + 2);
  return shown
    .map((spec, i) => {
      const text = left[i] ?? '';
      const gap = text.length < width ? text.padEnd(width) : `${text}\n${' '.repeat(width)}`;
      return gap + spec.help;
    })
    .join('\n');
}

/** A whole number of a range, or a problem that names the option. */
export function wholeNumber(option: string, text: string, min: number, max: number): Result<number> {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < min || value > max) {
    return problem(option, `"${text}" is not a whole number from ${min} to ${max}`);
  }
  return ok(value);
}
