import type { Percent } from '@lateen/protocol/envoy/type/v3';
import type { Scope } from './scope.ts';

/** A percentage; `otherwise` where there is none. One that is there and holds nothing is 0. */
export function percentOf(percent: Percent | undefined, otherwise: number): number {
  return percent === undefined ? otherwise : (percent.value ?? 0);
}

/** The same as a share of 1; `otherwise` in per cent. */
export function percentShare(scope: Scope, percent: Percent | undefined, otherwise: number): number {
  const value = percentOf(percent, otherwise);
  if (value < 0 || value > 100) scope.at('value').fail('must be from 0 to 100');
  return value / 100;
}
