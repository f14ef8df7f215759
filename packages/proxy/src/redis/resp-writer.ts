/** `*2 $3 GET $1 k`: a request, or an array of strings. */
export function encodeRequest(parts: readonly (Buffer | string)[]): Buffer {
  const pieces: Buffer[] = [Buffer.from(`*${parts.length}\r\n`)];
  for (const part of parts) pieces.push(...stringPieces(part));
  return Buffer.concat(pieces);
}

export function encodeString(value: Buffer | string): Buffer {
  return Buffer.concat(stringPieces(value));
}

export function encodeStatus(text: string): Buffer {
  return Buffer.from(`+${text}\r\n`);
}

export function encodeError(text: string): Buffer {
  return Buffer.from(`-${text.replaceAll(/[\r\n]/g, ' ')}\r\n`);
}

export function encodeInteger(value: bigint | number): Buffer {
  return Buffer.from(`:${value}\r\n`);
}

/** An array of answers that are encoded already. */
export function encodeArray(replies: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from(`*${replies.length}\r\n`), ...replies]);
}

const lineEnd = Buffer.from('\r\n');

function stringPieces(value: Buffer | string): Buffer[] {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return [Buffer.from(`$${bytes.length}\r\n`), bytes, lineEnd];
}
