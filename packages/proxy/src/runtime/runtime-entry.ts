import type { Fraction } from '../model/string-match.ts';

/** The value of a runtime key in one layer, in every form that it has. */
export interface RuntimeEntry {
  /** As it is shown. */
  readonly text: string;
  readonly number: number | undefined;
  readonly boolean: boolean | undefined;
  /** A share: of a fractional percent as it is, of a whole number as a percentage. */
  readonly fraction: Pick<Fraction, 'numerator' | 'denominator'> | undefined;
}

/** The entries of a layer by key. */
export type RuntimeValues = ReadonlyMap<string, RuntimeEntry>;

const denominators: Readonly<Record<string, Fraction['denominator']>> = {
  HUNDRED: 100,
  TEN_THOUSAND: 10_000,
  MILLION: 1_000_000,
};

/** Reads a value as text, as in a file or a request to `/runtime_modify`. */
export function entryOfText(text: string): RuntimeEntry {
  const trimmed = text.trim();
  if (trimmed.startsWith('{')) {
    try {
      const fraction = fractionOf(JSON.parse(trimmed));
      if (fraction !== undefined) return { text, number: undefined, boolean: undefined, fraction };
    } catch {
      // Not JSON: a text.
    }
  }
  const written = fractionOfYaml(trimmed);
  if (written !== undefined) return { text, number: undefined, boolean: undefined, fraction: written };
  const lower = trimmed.toLowerCase();
  const boolean = lower === 'true' ? true : lower === 'false' ? false : undefined;
  const number = trimmed === '' || Number.isNaN(Number(trimmed)) ? undefined : Number(trimmed);
  return { text, number, boolean, fraction: number === undefined ? undefined : percentage(number) };
}

/** As Envoy: a number in place of a fractional percent is a percentage without its fraction; more than 100 is all. */
function percentage(number: number): RuntimeEntry['fraction'] {
  return number >= 0 ? { numerator: Math.min(Math.floor(number), 100), denominator: 100 } : undefined;
}

/** A fractional percent in YAML's lines, as files of a disk layer have it. */
function fractionOfYaml(text: string): RuntimeEntry['fraction'] {
  if (!text.startsWith('numerator:') && !text.startsWith('denominator:')) return undefined;
  const fields: Record<string, string | number> = {};
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^(numerator|denominator):\s*["']?(\w+)["']?\s*$/.exec(line) ?? [];
    if (name === undefined) return undefined;
    fields[name] = name === 'numerator' && /^\d+$/.test(value) ? Number(value) : value;
  }
  return fractionOf(fields);
}

function fractionOf(value: unknown): RuntimeEntry['fraction'] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { numerator = 0, denominator = 'HUNDRED' } = value as Record<string, unknown>;
  if (!('numerator' in value || 'denominator' in value)) return undefined;
  const of = denominators[String(denominator)];
  return typeof numerator === 'number' && of !== undefined ? { numerator, denominator: of } : undefined;
}

/**
 * Reads a layer of the configuration: objects within objects make keys with dots, one with a numerator or a denominator
 * is a fractional percent (https://www.envoyproxy.io/docs/envoy/latest/configuration/operations/runtime).
 */
export function valuesOfJson(layer: unknown): RuntimeValues {
  const values = new Map<string, RuntimeEntry>();
  const walk = (prefix: string, value: unknown): void => {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      const fraction = fractionOf(value);
      if (fraction !== undefined && prefix !== '') {
        const text = JSON.stringify(value);
        values.set(prefix, { text, number: undefined, boolean: undefined, fraction });
        return;
      }
      for (const [key, inner] of Object.entries(value)) walk(prefix === '' ? key : `${prefix}.${key}`, inner);
    } else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      values.set(prefix, entryOfText(String(value)));
    }
  };
  walk('', layer);
  return values;
}
