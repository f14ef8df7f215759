/** One block of PEM text. */
export interface PemBlock {
  readonly label: string;
  readonly bytes: Buffer;
}

const block = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n((?:[A-Za-z0-9+/=]+\r?\n)+)-----END \1-----/g;

/** The blocks in a text, in order; what is between them is ignored. */
export function parsePem(text: string): PemBlock[] {
  return [...text.matchAll(block)].map(([, label = '', body = '']) => ({
    label,
    bytes: Buffer.from(body.replaceAll(/\s/g, ''), 'base64'),
  }));
}

/** PEM text of some bytes, with an end of line. */
export function toPem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
