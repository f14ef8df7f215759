/** The value of a cookie in one line of `cookie`, without its quotes; undefined where it has none of the name. */
export function cookieValue(line: string, name: string): string | undefined {
  for (const part of line.split(';')) {
    const equals = part.indexOf('=');
    if (equals < 0 || part.slice(0, equals).trim() !== name) continue;
    const value = part.slice(equals + 1).trim();
    return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
  }
  return undefined;
}
