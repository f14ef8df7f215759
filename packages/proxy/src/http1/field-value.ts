/** 1 for bytes that a field value may hold (RFC 9110 section 5.5): VCHAR, obs-text, SP, HTAB. */
const valueByte: Uint8Array = (() => {
  const table = new Uint8Array(256);
  for (let c = 0x20; c <= 0xff; c++) if (c !== 0x7f) table[c] = 1;
  table[9] = 1;
  return table;
})();

/** Values that are longer are read by words; few are, and finding the words costs as much as so many bytes. */
const bytesBeforeWords = 32;

/** The buffer that was read last, and all of its memory by words: to ask a buffer for its memory is a call. */
let lastBuffer: Buffer | undefined;
let words: Int32Array = new Int32Array(0);
let lastOffset = 0;

/** The first byte in `buffer[at, end)` that a field value may not hold; `end` where there is none. */
export function endOfValue(buffer: Buffer, at: number, end: number): number {
  const near = Math.min(end, at + bytesBeforeWords);
  while (at < near && valueByte[buffer[at] as number] === 1) at++;
  if (at < near || at === end) return at;
  at = skipWords(buffer, at, end);
  while (at < end && valueByte[buffer[at] as number] === 1) at++;
  return at;
}

/**
 * Goes on by four bytes at a time while none of them is below 0x20 or 0x7f; tabs stop it too, but are rare. What a
 * peer's proxy says of itself is a value of 600 bytes in each request.
 */
function skipWords(buffer: Buffer, at: number, end: number): number {
  if (buffer !== lastBuffer) {
    lastBuffer = buffer;
    lastOffset = buffer.byteOffset;
    words = new Int32Array(buffer.buffer, 0, buffer.buffer.byteLength >> 2);
  }
  const byteOffset = lastOffset;
  while (((byteOffset + at) & 3) !== 0) {
    if (at === end || valueByte[buffer[at] as number] !== 1) return at;
    at++;
  }
  let word = (byteOffset + at) >> 2;
  const lastWord = (byteOffset + end) >> 2;
  for (; word < lastWord; word++) {
    const four = words[word] as number;
    const flipped = four ^ 0x7f7f7f7f;
    // The high bit of each byte that is below 0x20, and of each that is 0x7f (its difference with 0x7f is below 1).
    const below20 = (four - 0x20202020) & ~four;
    const is7f = (flipped - 0x01010101) & ~flipped;
    if (((below20 | is7f) & 0x80808080) !== 0) break;
  }
  return (word << 2) - byteOffset;
}
