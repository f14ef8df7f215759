/** Buffer's own methods, which its types leave out; they skip the search for the encoding. */
interface Latin1Buffer {
  latin1Slice(start: number, end: number): string;
  latin1Write(text: string, at: number): number;
}

/** The characters of `buffer[start, end)`, a byte each. */
export function latin1Slice(buffer: Buffer, start: number, end: number): string {
  return (buffer as unknown as Latin1Buffer).latin1Slice(start, end);
}

/** Writes the characters of `text`, a byte each, and returns the offset after them. */
export function latin1Write(buffer: Buffer, text: string, at: number): number {
  // Strings are of many kinds inside of V8, for which their length is a look-up: once, and not for each character.
  const { length } = text;
  if (length < 40) {
    for (let i = 0; i < length; i++) buffer[at + i] = text.charCodeAt(i);
    return at + length;
  }
  return at + (buffer as unknown as Latin1Buffer).latin1Write(text, at);
}
