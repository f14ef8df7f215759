/**
 * The paths of fields that appear twice in a JSON text, which `JSON.parse` does not tell. The text must be
 * good JSON.
 */
export function duplicateKeys(text: string): string[] {
  const found: string[] = [];
  let at = 0;

  const skipSpace = (): void => {
    while (text.charCodeAt(at) <= 0x20) at++;
  };
  const readString = (): string => {
    const from = at++;
    let escaped = false;
    for (; text[at] !== '"'; at++) {
      if (text[at] !== '\\') continue;
      escaped = true;
      at++;
    }
    at++;
    return escaped ? (JSON.parse(text.slice(from, at)) as string) : text.slice(from + 1, at - 1);
  };
  /** Reads one value that begins at the present place. Good JSON nests no deeper than the parser allowed. */
  const readValue = (path: string): void => {
    skipSpace();
    const first = text[at];
    if (first === '"') readString();
    else if (first === '{') readObject(path);
    else if (first === '[') readList(path);
    else while (at < text.length && !/[\s,\]}]/.test(text[at] ?? '')) at++;
    skipSpace();
  };
  const readObject = (path: string): void => {
    const seen = new Set<string>();
    at++;
    for (skipSpace(); text[at] !== '}'; skipSpace()) {
      const name = readString();
      const inner = path === '' ? name : `${path}.${name}`;
      if (seen.has(name)) found.push(inner);
      seen.add(name);
      skipSpace();
      at++;
      readValue(inner);
      if (text[at] === ',') at++;
    }
    at++;
  };
  const readList = (path: string): void => {
    at++;
    let index = 0;
    for (skipSpace(); text[at] !== ']'; skipSpace()) {
      readValue(`${path}[${index++}]`);
      if (text[at] === ',') at++;
    }
    at++;
  };

  readValue('');
  return found;
}
