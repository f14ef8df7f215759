import type { ValueMatch } from './value-match.ts';

/** A condition on metadata (`envoy.type.matcher.v3.MetadataMatcher`). */
export interface MetadataMatch {
  readonly namespace: string;
  readonly path: readonly string[];
  readonly value: ValueMatch;
  readonly invert: boolean;
}
