/** A quantity as the API has it: `100m`, `1.5Gi`, `2e3`, or a plain number. */
export interface Quantity {
  /** In thousandths, rounded up; quantities of memory and cores need no finer. */
  readonly milli: bigint;
  readonly format: 'decimal' | 'binary' | 'exponent';
}

const form = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?\d{1,3})?$/;
const binary: Readonly<Record<string, bigint>> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};
const decimal: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const maxDigits = 40;

/** Reads a quantity; undefined where the text is none. */
export function parseQuantity(text: string): Quantity | undefined {
  const match = form.exec(text);
  if (match === null || text.length > maxDigits) return undefined;
  const [, sign, number = '', suffix = ''] = match;
  const [whole = '', fraction = ''] = number.split('.');
  const digits = BigInt(`${whole}${fraction}` || '0');
  const factor = binary[suffix];
  let milli: bigint;
  if (factor !== undefined) milli = divideUp(digits * factor * 1000n, 10n ** BigInt(fraction.length));
  else {
    const exponent =
      /^[eE]/.test(suffix) && suffix.length > 1 ? Number(suffix.slice(1)) : (decimal[suffix] ?? 0);
    const shift = exponent + 3 - fraction.length;
    milli = shift >= 0 ? digits * 10n ** BigInt(shift) : divideUp(digits, 10n ** BigInt(-shift));
  }
  const format = factor !== undefined ? 'binary' : /^[eE][+-]?\d/.test(suffix) ? 'exponent' : 'decimal';
  return { milli: sign === '-' ? -milli : milli, format };
}

function divideUp(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b;
}

const decimalUnits: readonly (readonly [string, bigint])[] = [
  ['E', 10n ** 21n],
  ['P', 10n ** 18n],
  ['T', 10n ** 15n],
  ['G', 10n ** 12n],
  ['M', 10n ** 9n],
  ['k', 10n ** 6n],
  ['', 1000n],
  ['m', 1n],
];
const binaryUnits: readonly (readonly [string, bigint])[] = [
  ...Object.entries(binary)
    .map(([unit, factor]): readonly [string, bigint] => [unit, factor * 1000n])
    .toReversed(),
  ['', 1000n],
  ['m', 1n],
];

/** The shortest text without loss, as the API stores it: `0.1` is `100m`, `1024Mi` is `1Gi`. */
export function canonicalQuantity(text: string): string | undefined {
  const quantity = parseQuantity(text);
  if (quantity === undefined) return undefined;
  const { milli, format } = quantity;
  if (milli === 0n) return '0';
  const size = milli < 0n ? -milli : milli;
  if (format === 'exponent') return exponentText(milli);
  // Binary quantities below one kibi are written in decimal.
  const units = format === 'binary' && size >= 1_024_000n ? binaryUnits : decimalUnits;
  for (const [unit, factor] of units) if (size % factor === 0n) return `${milli / factor}${unit}`;
  return `${milli}m`;
}

function exponentText(milli: bigint): string {
  let value = milli;
  let exponent = -3;
  while (value % 1000n === 0n) {
    value /= 1000n;
    exponent += 3;
  }
  return exponent === 0 ? String(value) : `${value}e${exponent}`;
}

/** The number that a quantity stands for; NaN where the text is none. */
export function quantityValue(text: string): number {
  const quantity = parseQuantity(text);
  return quantity === undefined ? Number.NaN : Number(quantity.milli) / 1000;
}
