import type { FilterChainMatch } from '../model/index.ts';

/** True where both ask for nothing, or for a value in common. */
function meet<T>(a: readonly T[], b: readonly T[], same: (x: T, y: T) => boolean): boolean {
  if (a.length === 0 || b.length === 0) return a.length === b.length;
  return a.some((x) => b.some((y) => same(x, y)));
}

const equal = <T>(x: T, y: T): boolean => x === y;

type Range = FilterChainMatch['prefixRanges'][number];
const equalRange = (x: Range, y: Range): boolean =>
  x.address === y.address && x.prefixLength === y.prefixLength;

function overlap(a: FilterChainMatch, b: FilterChainMatch): boolean {
  return (
    a.sourceType === b.sourceType &&
    meet(a.prefixRanges, b.prefixRanges, equalRange) &&
    meet(a.applicationProtocols, b.applicationProtocols, equal) &&
    meet(a.directSourcePrefixRanges, b.directSourcePrefixRanges, equalRange) &&
    meet(a.sourcePrefixRanges, b.sourcePrefixRanges, equalRange) &&
    meet(a.sourcePorts, b.sourcePorts, equal)
  );
}

/** What is told apart without looking at every pair: gateways have a chain for each of thousands of names. */
function keysOf({ destinationPort = 0, transportProtocol = '', serverNames }: FilterChainMatch): string[] {
  const names = serverNames.length === 0 ? [''] : serverNames;
  return names.map((name) => `${destinationPort}\n${transportProtocol}\n${name}`);
}

/**
 * The chains that take a connection which an earlier one takes by rules that are as specific: nobody could say which of
 * them serves it, and Envoy refuses the listener.
 */
export function sharedMatches(
  matches: readonly FilterChainMatch[],
): readonly { readonly later: number; readonly earlier: number }[] {
  const byKey = new Map<string, number[]>();
  const found: { later: number; earlier: number }[] = [];
  for (const [later, match] of matches.entries()) {
    const keys = keysOf(match);
    const earlier = keys
      .flatMap((key) => byKey.get(key) ?? [])
      .find((index) => overlap(matches[index] as FilterChainMatch, match));
    if (earlier !== undefined) found.push({ later, earlier });
    for (const key of keys) {
      const list = byKey.get(key);
      if (list === undefined) byKey.set(key, [later]);
      else list.push(later);
    }
  }
  return found;
}
