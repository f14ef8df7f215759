import type { StreamInfo } from './stream-info.ts';

/** One command operator, bound to its arguments; undefined prints as `-`. */
export type Operator = (info: StreamInfo) => string | number | undefined;

/** Undefined for an empty text. */
export function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
