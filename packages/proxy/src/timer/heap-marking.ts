import { getHeapSpaceStatistics } from 'node:v8';

/**
 * True while V8 marks the heap in steps, as far as can be told.
 *
 * It does not collect what is young meanwhile: the nursery grows beyond the half in which objects are made otherwise. A
 * nursery that may be large can look so for a while afterwards, too. Takes 5 us.
 */
export function heapIsBeingMarked(): boolean {
  const young = getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
  return young !== undefined && young.space_used_size * 2 > young.space_size;
}
