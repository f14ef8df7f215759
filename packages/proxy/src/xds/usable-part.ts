import type { Problem } from '@lateen/core';
import type { RefusedResource, ResourceChange } from '../model/index.ts';
import type { Decoded } from './waiting-set.ts';

/**
 * Leaves out of a change what cannot be used whatever it waits for: as Envoy, it is refused when it is received.
 * What the change does besides stays.
 */
export function usablePart<T extends { readonly name: string }>(
  kind: 'clusters' | 'listeners',
  change: ResourceChange<Decoded<T>> | undefined,
  problemsOf: (model: T) => readonly Problem[],
): { readonly change: ResourceChange<Decoded<T>> | undefined; readonly refused: readonly RefusedResource[] } {
  if (change?.set === undefined) return { change, refused: [] };
  const refused: RefusedResource[] = [];
  const set = change.set.filter(({ model }) => {
    const problems = problemsOf(model);
    if (problems.length > 0) refused.push({ kind, name: model.name, problems });
    return problems.length === 0;
  });
  return { change: refused.length === 0 ? change : { ...change, set }, refused };
}
