import type { JsonValue, Metadata } from '../model/metadata.ts';

/** The namespace of the metadata that subsets are made of. */
export const subsetNamespace = 'envoy.lb';

type Values = { readonly [key: string]: JsonValue };

/** What the metadata of an endpoint must be, ready to be looked up. */
export interface SubsetCriteria {
  /** Sorted by key. */
  readonly entries: readonly (readonly [string, JsonValue])[];
  /** All of it as one text: subsets are found by it. */
  readonly key: string;
  /** Asked for in their order where the cluster goes by such lists; undefined: there is none. */
  readonly fallbacks?: readonly SubsetCriteria[];
}

/** Where metadata lists what may be asked for instead. */
const fallbackList = 'fallback_list';

function criteriaOf(entries: readonly (readonly [string, JsonValue])[]): SubsetCriteria {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  return { entries: sorted, key: JSON.stringify(sorted) };
}

/** The criteria of a route, where its cluster's own come on top; undefined where there are none. */
export function subsetCriteria(...layers: readonly (Metadata | undefined)[]): SubsetCriteria | undefined {
  const merged: Values = Object.assign({}, ...layers.map((layer) => layer?.[subsetNamespace]));
  const entries = Object.entries(merged);
  if (entries.length === 0) return undefined;
  const criteria = criteriaOf(entries);
  const { [fallbackList]: list, ...values } = merged;
  if (!Array.isArray(list)) return criteria;
  const items = list.filter((one): one is Values => one !== null && typeof one === 'object');
  // An empty list is as none at all.
  const alternatives = items.length === 0 ? [values] : items.map((one) => ({ ...values, ...one }));
  return { ...criteria, fallbacks: alternatives.map((one) => criteriaOf(Object.entries(one))) };
}

/** Only these keys of the criteria; undefined where one is missing. */
export function restrictCriteria(
  criteria: SubsetCriteria,
  keys: readonly string[],
): SubsetCriteria | undefined {
  const kept = criteria.entries.filter(([key]) => keys.includes(key));
  return kept.length === keys.length ? criteriaOf(kept) : undefined;
}

/** The keys of the subsets of a selector that an endpoint belongs to; with `listAsAny` one for each item of a list. */
export function subsetKeysOf(values: Values, keys: readonly string[], listAsAny: boolean): string[] {
  let combinations: (readonly [string, JsonValue])[][] = [[]];
  for (const key of keys) {
    const value = values[key];
    if (value === undefined) return [];
    const choices = listAsAny && Array.isArray(value) ? (value as readonly JsonValue[]) : [value];
    combinations = combinations.flatMap((before) =>
      choices.map((choice) => [...before, [key, choice] as const]),
    );
  }
  return combinations.map((entries) => criteriaOf(entries).key);
}

/** True where an endpoint has all these values. */
export function hasValues(values: Values, wanted: Values): boolean {
  return Object.entries(wanted).every(
    ([key, value]) => JSON.stringify(values[key]) === JSON.stringify(value),
  );
}
