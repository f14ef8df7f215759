/** True where two JSON values are the same, whatever the order of the fields. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => sameJson(item, b[index]));
  }
  if (Array.isArray(b)) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  let count = 0;
  for (const name in left) {
    if (left[name] === undefined) continue;
    if (right[name] === undefined || !sameJson(left[name], right[name])) return false;
    count++;
  }
  for (const name in right) if (right[name] !== undefined) count--;
  return count === 0;
}
