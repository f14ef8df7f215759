import type { Percent } from '@lateen/protocol/envoy/type/v3';
import type { Scope } from './scope.ts';

/** A percentage as a share of 1; `otherwise`, in per cent, where there is none. */
export function percentShare(scope: Scope, percent: Percent | undefined, otherwise: number): number {
  const value = percent === undefined ? otherwise : (percent.value ?? 0);
  if (value < 0 || value > 100) scope.at('value').fail('must be from 0 to 100');
  return value / 100;
}
