/** A parser under fire. */
export interface FuzzTarget {
  readonly name: string;
  /** Inputs to begin with: good ones, and those that were trouble once. */
  readonly seeds: readonly Buffer[];
  /** Parts that are worth putting anywhere. */
  readonly words: readonly string[];
  /** Feeds the parser; throws where it throws, or where what it says cannot be. */
  run(input: Buffer): void;
}

/** Fails where two ways to the same answer differ. */
export function same(a: unknown, b: unknown, what: string): void {
  const [left, right] = [JSON.stringify(a), JSON.stringify(b)];
  if (left !== right) throw new Error(`${what}:\n${left}\n${right}`);
}

export function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** The first byte of an input says where the rest is cut into two pieces. */
export function cutOf(input: Buffer): { readonly bytes: Buffer; readonly cut: number } {
  const bytes = input.subarray(1);
  return { bytes, cut: bytes.length === 0 ? 0 : ((input[0] ?? 0) * bytes.length) >> 8 };
}

/** Texts as inputs of {@link cutOf}. */
export function cuttable(texts: readonly string[]): Buffer[] {
  return texts.map((text) => Buffer.from(`\x80${text}`, 'latin1'));
}
