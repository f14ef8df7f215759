import type { Reason } from './case.ts';
import type { Observation } from './observe.ts';

/** One thing that the proxies do not have in common. */
export interface Difference {
  readonly name: string;
  readonly envoy: string | undefined;
  readonly lateen: string | undefined;
  /** Why it is so on purpose, where it is. */
  readonly reason?: string;
}

/** All that differs in the case `what`; of several reasons the first is taken, and `used` told. */
export function differences(
  envoy: Observation,
  lateen: Observation,
  what: string,
  reasons: readonly Reason[],
  used?: Set<Reason>,
): Difference[] {
  const names = new Set([...envoy.keys(), ...lateen.keys()]);
  const mayApply = reasons.filter(({ cases }) => cases === undefined || cases.test(what));
  const found: Difference[] = [];
  for (const name of names) {
    const [theirs, ours] = [envoy.get(name), lateen.get(name)];
    if (theirs === ours) continue;
    const reason = mayApply.find(
      ({ of, when }) => (of?.test(name) ?? true) && (when?.(theirs, ours) ?? true),
    );
    if (reason !== undefined) used?.add(reason);
    found.push({
      name,
      envoy: theirs,
      lateen: ours,
      ...(reason === undefined ? {} : { reason: reason.why }),
    });
  }
  return found;
}
