/** How the names begin by which a VirtualService matches claims in place of headers (Istio, "JWT claim based routing"). */
const claimPrefix = '@request.auth.claims';

/** The names in `[a][b]`; undefined where they are written otherwise. */
export function bracketedNames(text: string): readonly string[] | undefined {
  if (!/^(\[[^[\]]+\])+$/.test(text)) return undefined;
  return text.slice(1, -1).split('][');
}

/** True where a name of a header asks for a claim of a verified token, rightly written or not. */
export function isRoutingClaim(name: string): boolean {
  return name.startsWith('@');
}

/**
 * The names, one in the other, of the claim that `@request.auth.claims.a.b` or `@request.auth.claims[a][b]` asks
 * for; undefined where it is written otherwise. A claim whose own name has a dot needs brackets.
 */
export function routingClaim(name: string): readonly string[] | undefined {
  if (!name.startsWith(claimPrefix)) return undefined;
  const rest = name.slice(claimPrefix.length);
  if (rest.startsWith('[')) return bracketedNames(rest);
  if (!rest.startsWith('.')) return undefined;
  const names = rest.slice(1).split('.');
  return names.includes('') || /[[\]]/.test(rest) ? undefined : names;
}
