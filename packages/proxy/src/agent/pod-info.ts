/** Reads what the downward API writes for labels and annotations: lines `key="value"` with Go's escapes. */
export function parsePodInfo(text: string): Readonly<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const line of text.split('\n')) {
    const equals = line.indexOf('=');
    if (equals <= 0) continue;
    const quoted = line.slice(equals + 1);
    values[line.slice(0, equals)] = unquote(quoted);
  }
  return values;
}

function unquote(quoted: string): string {
  if (!quoted.startsWith('"') || !quoted.endsWith('"') || quoted.length < 2) return quoted;
  return quoted
    .slice(1, -1)
    .replace(/\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/gi, (_, x, u, long, plain: string) => {
      const code = (x ?? u ?? long) as string | undefined;
      if (code !== undefined) return String.fromCodePoint(Number.parseInt(code, 16));
      return escapes[plain] ?? plain;
    });
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
};
