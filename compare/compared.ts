import type { Difference } from './differences.ts';

/** What became of one case. */
export interface Compared {
  readonly name: string;
  readonly differences: readonly Difference[];
  readonly same: Readonly<Record<string, string>>;
}
