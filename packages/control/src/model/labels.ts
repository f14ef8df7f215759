/** Labels of a workload, or those that a selector asks for. */
export type Labels = Readonly<Record<string, string>>;

/** True where all of `wanted` are among `labels`; an empty selector takes all. */
export function selects(wanted: Labels | undefined, labels: Labels): boolean {
  for (const name in wanted) if (labels[name] !== wanted[name]) return false;
  return true;
}
