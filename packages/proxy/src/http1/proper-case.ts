/**
 * Writes the first letter of each word of header names in `buffer[start, end)` large (`content-type` -> `Content-Type`),
 * for peers that know no other form (Envoy, `header_key_format.proper_case_words`). The bytes are whole lines.
 */
export function properCaseNames(buffer: Buffer, start: number, end: number): void {
  for (let line = start; line < end; ) {
    let wordBegins = true;
    for (let at = line; at < end && buffer[at] !== 58 && buffer[at] !== 13; at++) {
      const byte = buffer[at] as number;
      const lower = byte >= 97 && byte <= 122;
      if (lower && wordBegins) buffer[at] = byte - 32;
      wordBegins = !(lower || (byte >= 65 && byte <= 90) || (byte >= 48 && byte <= 57));
    }
    const next = buffer.indexOf(10, line);
    if (next < 0) return;
    line = next + 1;
  }
}
