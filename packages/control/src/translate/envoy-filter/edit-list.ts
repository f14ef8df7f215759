import type { MessageType } from '@lateen/protocol';
import type { EnvoyFilterPatch } from '../../model/envoy-filter.ts';
import { mergeMessage } from './merge-message.ts';

/** How the elements of a list are found and changed by patches. */
export interface ListEdit<T> {
  readonly type: MessageType<T>;
  /** True for the elements that a patch speaks of. */
  readonly isMeant: (element: T) => boolean;
  /** True where the patch names an element; without, what is inserted beside it goes to an end of the list. */
  readonly isNamed: boolean;
  /** True where nothing is removed or replaced without a name: all elements would be meant. Default false. */
  readonly needsName?: boolean;
  /** True where what is inserted first is only inserted if there is an element that is meant. Default false. */
  readonly firstIfMeant?: boolean;
  /** True for elements that must stay the last, as routers among filters. */
  readonly isLast?: (element: T) => boolean;
}

/**
 * A list after a patch: elements merged, replaced or removed, or one more at an end, first, or beside an element. Without an
 * element that is meant nothing is inserted beside it (Istio, "EnvoyFilter.Patch.Operation").
 */
export function editList<T extends object>(
  list: readonly T[],
  patch: EnvoyFilterPatch,
  edit: ListEdit<T>,
): readonly T[] {
  const value = patch.value as T | undefined;
  const { isMeant, isNamed, needsName = false, firstIfMeant = false } = edit;
  const changesMeant = isNamed || !needsName;
  if (patch.operation === 'REMOVE') return changesMeant ? list.filter((one) => !isMeant(one)) : list;
  if (value === undefined) return list;
  switch (patch.operation) {
    case 'MERGE':
      return list.map((one) => (isMeant(one) ? mergeMessage(edit.type, one, value, patch.registry) : one));
    case 'REPLACE':
      return changesMeant ? list.map((one) => (isMeant(one) ? value : one)) : list;
    case 'INSERT_FIRST':
      return firstIfMeant && isNamed && !list.some(isMeant) ? list : [value, ...list];
    case 'INSERT_BEFORE':
    case 'INSERT_AFTER': {
      if (!isNamed)
        return patch.operation === 'INSERT_BEFORE' ? [value, ...list] : appended(list, value, edit);
      const at = list.findIndex(isMeant);
      return at < 0 ? list : list.toSpliced(patch.operation === 'INSERT_BEFORE' ? at : at + 1, 0, value);
    }
    case 'ADD':
      return appended(list, value, edit);
    default:
      return list;
  }
}

function appended<T>(list: readonly T[], value: T, { isLast }: ListEdit<T>): readonly T[] {
  const last = list.at(-1);
  return last !== undefined && isLast?.(last) === true ? list.toSpliced(-1, 0, value) : [...list, value];
}
