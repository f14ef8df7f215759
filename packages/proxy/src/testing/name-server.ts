import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Closers } from './harness.ts';

const recordTypes = { a: 1, aaaa: 28 } as const;

/**
 * A name server that knows addresses of one name; answers with its port and the names that it was asked for.
 * `answersFrom`: until when it is silent.
 */
export async function nameServer(
  t: Closers,
  name: string,
  known: Partial<Record<keyof typeof recordTypes, readonly (readonly number[])[]>>,
  ttlSeconds = 30,
  answersFrom?: Promise<void>,
): Promise<{ readonly port: number; readonly asked: string[] }> {
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const type = query.readUInt16BE(at + 1);
    asked.push(labels.join('.'));
    const found =
      labels.join('.') !== name ? undefined : type === recordTypes.a ? (known.a ?? []) : (known.aaaa ?? []);
    const head = Buffer.from(query.subarray(0, at + 5));
    // An answer of an authority; the name does not exist where it is another one.
    head.writeUInt16BE(found === undefined ? 0x8483 : 0x8480, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(found?.length ?? 0, 6);
    head.writeUInt32BE(0, 8);
    const records = (found ?? []).map((address) => {
      const record = Buffer.alloc(12);
      record.writeUInt16BE(0xc00c, 0);
      record.writeUInt16BE(type, 2);
      record.writeUInt16BE(1, 4);
      record.writeUInt32BE(ttlSeconds, 6);
      record.writeUInt16BE(address.length, 10);
      return Buffer.concat([record, Buffer.from(address)]);
    });
    const answer = Buffer.concat([head, ...records]);
    void Promise.resolve(answersFrom).then(() => socket.send(answer, from.port, from.address));
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.after(() => socket.close());
  return { port: socket.address().port, asked };
}
