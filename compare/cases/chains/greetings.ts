import type { Step } from '../../case.ts';

type Extension = readonly [type: number, content: string];
const hex = (value: number, bytes: number): string => value.toString(16).padStart(2 * bytes, '0');

/** The extension of server names; of one it has the usual form. */
export function withName(...names: readonly string[]): Extension[] {
  const entries = names.map((name) => {
    const bytes = Buffer.from(name, 'utf8');
    return `00${hex(bytes.length, 2)}${bytes.toString('hex')}`;
  });
  const list = entries.join('');
  return [[0, `${hex(list.length / 2, 2)}${list}`]];
}

interface Greeting {
  readonly recordBytes?: number;
  readonly recordVersion?: string;
  readonly version?: string;
  readonly message?: number;
}

/** A ClientHello with these extensions, in records of so many bytes. */
export function greeting(extensions: readonly Extension[], options: Greeting = {}): Buffer {
  const { recordBytes = 16_384, recordVersion = '0301', version = '0303', message = 1 } = options;
  const usual: readonly Extension[] = [
    [10, '0002001d'],
    [13, '00020403'],
  ];
  const list = [...extensions, ...usual]
    .map(([type, content]) => `${hex(type, 2)}${hex(content.length / 2, 2)}${content}`)
    .join('');
  const body = `${version}${'00'.repeat(32)}000002c02b0100${hex(list.length / 2, 2)}${list}`;
  const handshake = Buffer.from(`${hex(message, 1)}${hex(body.length / 2, 3)}${body}`, 'hex');
  const records: Buffer[] = [];
  for (let at = 0; at < handshake.length; at += recordBytes) {
    const part = handshake.subarray(at, at + recordBytes);
    records.push(Buffer.from(`16${recordVersion}${hex(part.length, 2)}`, 'hex'), part);
  }
  return Buffer.concat(records);
}

/** Bytes one piece after another. */
export const pieces = (bytes: Buffer, size: number): Step[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => [
    bytes.subarray(i * size, (i + 1) * size),
    { waitMs: 2 },
  ]).flat();
