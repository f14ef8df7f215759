import type { Figure } from './case.ts';
import type { CaseResult, Standing } from './run-case.ts';

/** Our own contender, with which the others are compared where a case does not say otherwise. */
export const ourName = 'lateen';

/** A table in Markdown; the last columns say how the baseline stands to each. */
export function renderResult(result: CaseResult): string {
  const { figures, standings } = result;
  const baseline = standings.find((standing) => standing.name === result.baseline);
  const compared = figures.filter((figure) => figure.ratio !== undefined);
  const titles = ['', ...figures.map(({ title }) => title), ...compared.map(({ ratio }) => ratio ?? '')];
  const rows = standings.map((standing) => [
    `${standing.name} ${standing.version}`.trim(),
    ...figures.map((figure) => format(standing, figure)),
    ...compared.map(({ key }) => ratio(baseline?.figures[key], standing.figures[key])),
  ]);
  const widths = titles.map((title, i) =>
    Math.max(title.length, ...rows.map((row) => (row[i] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [
    `${result.name}: ${result.summary}`,
    '',
    line(titles),
    rule,
    ...rows.map(line),
    ...result.missing.map((name) => `\nMISSING: ${name}`),
  ].join('\n');
}

function format(standing: Standing, { key, digits }: Figure): string {
  const value = standing.figures[key];
  if (value === undefined || Number.isNaN(value)) return '-';
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function ratio(ours: number | undefined, theirs: number | undefined): string {
  if (ours === undefined || theirs === undefined || theirs === 0) return '-';
  const value = ours / theirs;
  return Number.isFinite(value) ? `${value.toFixed(2)}x` : '-';
}
