/** 1 for bytes that a field value may hold (RFC 9110 section 5.5): VCHAR, obs-text, SP, HTAB. */
const valueByte: Uint8Array = (() => {
  const table = new Uint8Array(256);
  for (let c = 0x20; c <= 0xff; c++) if (c !== 0x7f) table[c] = 1;
  table[9] = 1;
  return table;
})();

/** Values that are longer are read by words from here on: finding the words costs as much as so many bytes. */
const bytesBeforeWords = 16;

/** The first byte in `buffer[at, end)` that a field value may not hold; `end` where there is none. */
export function endOfValue(buffer: Buffer, view: DataView, at: number, end: number): number {
  const near = Math.min(end, at + bytesBeforeWords);
  while (at < near && valueByte[buffer[at] as number] === 1) at++;
  if (at < near || at === end) return at;
  at = skipWords(view, at, end);
  while (at < end && valueByte[buffer[at] as number] === 1) at++;
  return at;
}

/** Goes on by four bytes at a time while none of them is below 0x20 or 0x7f; tabs stop it too, but are rare. */
function skipWords(view: DataView, at: number, end: number): number {
  for (; at + 4 <= end; at += 4) {
    const four = view.getInt32(at, true);
    const flipped = four ^ 0x7f7f7f7f;
    // The high bit of each byte that is below 0x20, and of each that is 0x7f (its difference with 0x7f is below 1).
    const below20 = (four - 0x20202020) & ~four;
    const is7f = (flipped - 0x01010101) & ~flipped;
    if (((below20 | is7f) & 0x80808080) !== 0) break;
  }
  return at;
}
