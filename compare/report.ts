import type { Compared } from './compared.ts';
import type { Difference } from './differences.ts';

/** A case as lines of text: what differs, and where `all` is asked for what differs on purpose and what is the same. */
export function renderCase({ name, differences, same }: Compared, all: boolean): string {
  const mark = isOnPurpose(differences) ? 'same   ' : 'DIFFERS';
  const shown = all ? differences : differences.filter(({ reason }) => reason === undefined);
  const lines = [`${mark} ${name}`, ...shown.map(renderDifference)];
  if (all) lines.push(...Object.entries(same).map(([key, value]) => `    = ${key}: ${value}`));
  return `${lines.join('\n')}\n`;
}

function renderDifference({ name, envoy, lateen, reason }: Difference): string {
  const because = reason === undefined ? '' : ` (${reason})`;
  return `    ${name}${because}\n      envoy   ${envoy ?? '(nothing)'}\n      lateen  ${lateen ?? '(nothing)'}`;
}

export function renderSummary(results: readonly Compared[]): string {
  const differ = results.filter(({ differences }) => !isOnPurpose(differences)).length;
  return `${results.length} cases: ${results.length - differ} the same or different on purpose, ${differ} differ`;
}

const isOnPurpose = (differences: readonly Difference[]): boolean =>
  differences.every(({ reason }) => reason !== undefined);
