/** An encoding that a client takes, and how much it likes it: `accept-encoding` of RFC 9110 section 12.5.3. */
export interface AcceptedEncoding {
  readonly name: string;
  /** In [0, 1]; 0: not at all. */
  readonly weight: number;
}

/** What a compressor of a chain has to offer. */
export interface OfferedEncoding {
  readonly name: string;
  /** Wins where the client likes others as well. */
  readonly chooseFirst: boolean;
}

/** How an encoding was found; `identity` and `invalid`: there is none. */
export type EncodingChoice =
  | { readonly kind: 'named' | 'wildcard'; readonly name: string }
  | { readonly kind: 'identity' }
  | { readonly kind: 'invalid' };

/** Reads the header, in its order; what has no name or no weight that is a number is left out. */
export function parseAcceptEncoding(value: string): AcceptedEncoding[] {
  const list: AcceptedEncoding[] = [];
  for (const item of value.split(',')) {
    const [token = '', ...parameters] = item.split(';');
    const name = token.trim().toLowerCase();
    if (name === '') continue;
    const q = parameters.map((one) => one.trim()).find((one) => /^q=/i.test(one));
    const weight = q === undefined ? 1 : Number(q.slice(2).trim() === '' ? Number.NaN : q.slice(2));
    if (weight >= 0 && weight <= 1) list.push({ name, weight });
  }
  return list;
}

/**
 * The encoding that a client likes best among those offered. Among equals the last that asks to be chosen first
 * wins, otherwise the one that the client names first; `*` stands for the first that it does not name.
 * Source: Envoy, "Compressor", and `choose_first`.
 */
export function chooseEncoding(
  accepted: readonly AcceptedEncoding[],
  offered: readonly OfferedEncoding[],
): EncodingChoice {
  const names = new Set(accepted.map(({ name }) => name));
  const unnamed = offered.find(({ name }) => !names.has(name));
  let best: EncodingChoice = { kind: 'invalid' };
  let bestWeight = 0;
  let bestRank = -1;
  for (const { name, weight } of accepted) {
    if (weight === 0 || weight < bestWeight) continue;
    let found: EncodingChoice | undefined;
    let rank = -1;
    if (name === 'identity') {
      found = { kind: 'identity' };
    } else if (name === '*') {
      if (unnamed !== undefined) found = { kind: 'wildcard', name: unnamed.name };
    } else {
      const at = offered.findIndex((one) => one.name === name);
      if (at >= 0) {
        found = { kind: 'named', name };
        if (offered[at]?.chooseFirst === true) rank = at;
      }
    }
    if (found === undefined || (weight === bestWeight && rank <= bestRank)) continue;
    best = found;
    bestWeight = weight;
    bestRank = rank;
  }
  return best;
}
