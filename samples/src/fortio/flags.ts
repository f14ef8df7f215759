/** What a flag takes: `-name value`, or nothing. */
export type FlagKind = 'value' | 'switch';

/** The flags and the rest of a command line. */
export interface Flags {
  /** The last value of a flag. */
  value(name: string): string | undefined;
  /** Every value of a flag that may come more than once. */
  all(name: string): readonly string[];
  /** A switch, `-name` or `-name=false`. */
  on(name: string, standard: boolean): boolean;
  readonly rest: readonly string[];
}

/**
 * Reads flags as Go's `flag` package does: `-name value`, `-name=value`, one dash or two, up to
 * the first word that is no flag. Throws an Error that names what is not known.
 */
export function parseFlags(words: readonly string[], kinds: Readonly<Record<string, FlagKind>>): Flags {
  const values = new Map<string, string[]>();
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at] ?? '';
    if (!/^--?[a-z]/i.test(word)) break;
    const [name, given] = splitOnce(word.replace(/^--?/, ''), '=');
    const kind = kinds[name];
    if (kind === undefined) throw new Error(`flag provided but not defined: -${name}`);
    let value = given;
    if (value === undefined && kind === 'switch') value = 'true';
    if (value === undefined) value = words[++at];
    if (value === undefined) throw new Error(`flag needs an argument: -${name}`);
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return {
    value: (name) => values.get(name)?.at(-1),
    all: (name) => values.get(name) ?? [],
    on: (name, standard) => {
      const value = values.get(name)?.at(-1);
      return value === undefined ? standard : value === 'true' || value === '1';
    },
    rest: words.slice(at),
  };
}

function splitOnce(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

/** `5s`, `1m30s`, `200ms` in milliseconds; throws an Error where it is no duration. */
export function parseDuration(text: string): number {
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  let total = 0;
  const rest = text.replaceAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g, (_, count: string, unit: string) => {
    total += Number(count) * (units[unit] ?? 0);
    return '';
  });
  if (rest !== '' || text === '') throw new Error(`"${text}" is no duration such as 5s, 1m30s or 200ms`);
  return total;
}
