import { endpointNames, type CompareCase } from './case.ts';
import type { Normalise, Observation } from './observe.ts';

/** Whom each request of a log went to, as `up`; `-` is nobody. */
export const turnsOf = (log: string, normalise: Normalise): string[] =>
  log
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { upstream } = JSON.parse(line) as { upstream: string | null };
      return normalise(upstream ?? '-').replace(/^.*:<(\w+)>$/, '$1');
    });

/** The share of each endpoint as it is expected; what both do otherwise differs too: `who` is named. */
export function observeShares(
  into: Observation,
  turns: readonly string[],
  expected: NonNullable<CompareCase['shares']>,
  who: string,
): void {
  into.set('shares.requests', String(turns.length));
  for (const name of new Set([...turns, ...endpointNames])) {
    const [least, most] = expected[name as keyof typeof expected] ?? [0, 0];
    const share = (100 * turns.filter((turn) => turn === name).length) / turns.length;
    const isExpected = share >= least && share <= most;
    into.set(
      `shares.${name}`,
      isExpected ? `${least} to ${most}` : `${who} has ${share.toFixed(1)}, not ${least} to ${most}`,
    );
  }
}

/** How many answers of each status a client has had. */
export function observeAnswers(into: Observation, name: string, received: Buffer): void {
  const statuses = received.toString('latin1').match(/(?<=HTTP\/1\.1 )\d{3}/g) ?? [];
  const counts = Object.entries(Object.groupBy(statuses, (status) => status));
  into.set(`${name}.answers`, counts.map(([status, all]) => `${all?.length} of ${status}`).join(', '));
}

/** The last two rounds of so many turns, from where they read first. */
export function observeRound(into: Observation, turns: readonly string[], size: number): void {
  const last = turns.slice(-2 * size);
  const rotations = last.map((_, i) => [...last.slice(i), ...last.slice(0, i)].join(' '));
  into.set('round', rotations.sort()[0] ?? '');
}

/** The lines of a page of the admin port: `a::b::value`, or `a.b: value`. */
export const tableRows = (page: string): [string, string][] =>
  page
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, name = line, value = ''] = /^(.*)(?:::|: )(.*)$/.exec(line) ?? [];
      return [name, value];
    });
