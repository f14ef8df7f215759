import type { StringMatch } from './string-match.ts';

/** How a value of metadata is compared. */
export type ValueMatch =
  | { readonly kind: 'null' }
  | { readonly kind: 'present'; readonly present: boolean }
  | { readonly kind: 'boolean'; readonly value: boolean }
  /** From, and below to. */
  | { readonly kind: 'number'; readonly from: number; readonly to: number }
  | { readonly kind: 'exact_number'; readonly value: number }
  | { readonly kind: 'string'; readonly match: StringMatch }
  /** Of a list. */
  | { readonly kind: 'any_item'; readonly match: ValueMatch }
  | { readonly kind: 'or'; readonly matches: readonly ValueMatch[] };
