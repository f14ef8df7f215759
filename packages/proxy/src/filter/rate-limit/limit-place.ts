import type { SharedCells } from '../../workers/shared-cells.ts';
import type { FilterExchange } from '../http-filter.ts';
import { SharedLevel } from './shared-level.ts';

/** Where a limit is counted for all threads of a process, and who has it: the same words in each thread. */
export interface LimitPlace {
  readonly cells: SharedCells;
  readonly owner: string;
}

/** The place of a part of what somebody limits. */
export function placeWithin(place: LimitPlace | undefined, name: string): LimitPlace | undefined {
  return place === undefined ? undefined : { cells: place.cells, owner: `${place.owner} ${name}` };
}

/**
 * The place of the limit of a request's route, of which `path` says where it stands in its resource. Tables that come by
 * themselves have one for all listeners that use them; routes within a listener are its own.
 */
export function placeOfRoute(
  { route }: FilterExchange,
  path: string,
  listener: LimitPlace | undefined,
): LimitPlace | undefined {
  if (listener === undefined) return undefined;
  const owner = path.includes('route_config') ? listener.owner : '';
  return {
    cells: listener.cells,
    owner: `routes ${owner} ${route?.table.name} ${route?.virtualHost.name} ${path}`,
  };
}

/**
 * The level that a bucket of these rules has for all threads; undefined: the thread counts alone. Other rules begin
 * anew. Never let go, as there are not many.
 */
export function sharedLevel(place: LimitPlace | undefined, rules: string): SharedLevel | undefined {
  const at = place?.cells.acquire(`bucket ${place.owner} ${rules}`);
  return place === undefined || at === undefined ? undefined : new SharedLevel(place.cells, at);
}
