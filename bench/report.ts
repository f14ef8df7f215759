import type { CaseResult, Standing } from './run-case.ts';

const columns: readonly (readonly [title: string, value: (standing: Standing) => string])[] = [
  ['requests/s', (s) => Math.round(s.requestsPerSecond).toLocaleString('en')],
  ['p50 ms', (s) => s.p50Ms.toFixed(2)],
  ['p99 ms', (s) => s.p99Ms.toFixed(2)],
  ['CPU us/request', (s) => s.cpuUsPerRequest.toFixed(1)],
  ['memory MB', (s) => s.anonymousMb.toFixed(0)],
];

const ourName = 'lateen';

/** A table in Markdown; the last columns say how ours stands to each. */
export function renderResult(result: CaseResult): string {
  const ours = result.standings.find((standing) => standing.name === ourName);
  const titles = ['', ...columns.map(([title]) => title), 'our requests/s', 'our CPU'];
  const rows = result.standings.map((standing) => [
    `${standing.name} ${standing.version}`,
    ...columns.map(([, value]) => value(standing)),
    ratio(ours?.requestsPerSecond, standing.requestsPerSecond),
    ratio(ours?.cpuUsPerRequest, standing.cpuUsPerRequest),
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

function ratio(ours: number | undefined, theirs: number): string {
  return ours === undefined || theirs === 0 ? '-' : `${(ours / theirs).toFixed(2)}x`;
}
