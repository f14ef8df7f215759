/**
 * Any text as a header value: its UTF-8 bytes, one character each, as header blocks take them. NUL, CR and LF are
 * left out: a line end in a value must not end the header.
 */
export function headerValueOf(text: string): string {
  let plain = true;
  for (let i = 0; i < text.length && plain; i++) {
    const code = text.charCodeAt(i);
    plain = code < 0x80 && code !== 0 && code !== 10 && code !== 13;
  }
  return plain ? text : Buffer.from(text.replace(/[\r\n\0]/g, ''), 'utf8').toString('latin1');
}

/** The text that a header value stands for, where it is UTF-8; else as it came. */
export function textOfHeaderValue(value: string): string {
  for (let i = 0; i < value.length; i++) {
    if (value.charCodeAt(i) > 0x7f) return Buffer.from(value, 'latin1').toString('utf8');
  }
  return value;
}
