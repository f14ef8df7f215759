/** One line of the exposition: a series and its value. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * Reads Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/), of
 * which only series whose name `wanted` accepts; lines that are not of the format are left out.
 */
export function parsePrometheusText(text: string, wanted: (name: string) => boolean): Sample[] {
  const samples: Sample[] = [];
  let start = 0;
  while (start < text.length) {
    let end = text.indexOf('\n', start);
    if (end < 0) end = text.length;
    if (text[start] !== '#') {
      const sample = parseLine(text, start, end, wanted);
      if (sample !== undefined) samples.push(sample);
    }
    start = end + 1;
  }
  return samples;
}

function parseLine(
  text: string,
  start: number,
  end: number,
  wanted: (name: string) => boolean,
): Sample | undefined {
  let at = start;
  while (at < end && text[at] !== '{' && text[at] !== ' ' && text[at] !== '\t') at++;
  const name = text.slice(start, at);
  if (name === '' || !wanted(name)) return undefined;
  const labels: Record<string, string> = {};
  if (text[at] === '{') {
    const after = parseLabels(text, at + 1, end, labels);
    if (after === undefined) return undefined;
    at = after;
  }
  const [value = ''] = text.slice(at, end).trim().split(/\s+/, 1);
  if (value === '') return undefined;
  const number = value === '+Inf' ? Infinity : value === '-Inf' ? -Infinity : Number(value);
  return Number.isNaN(number) ? undefined : { name, labels, value: number };
}

/** Reads up to the closing brace; returns the place after it, undefined where there is none. */
function parseLabels(
  text: string,
  start: number,
  end: number,
  labels: Record<string, string>,
): number | undefined {
  let at = start;
  for (;;) {
    while (at < end && (text[at] === ' ' || text[at] === ',')) at++;
    if (text[at] === '}') return at + 1;
    const equals = text.indexOf('=', at);
    if (equals < 0 || equals >= end || text[equals + 1] !== '"') return undefined;
    const name = text.slice(at, equals).trim();
    let value = '';
    at = equals + 2;
    for (; at < end && text[at] !== '"'; at++) {
      if (text[at] !== '\\') value += text[at];
      else {
        at++;
        value += text[at] === 'n' ? '\n' : (text[at] ?? '');
      }
    }
    if (at >= end) return undefined;
    labels[name] = value;
    at++;
  }
}
