import { closeSync, readSync, writeSync } from 'node:fs';
import { LateenError } from '@lateen/core';
import { libc } from './libc.ts';

/** linux/netlink.h, linux/netfilter/nfnetlink.h, linux/netfilter/nfnetlink_conntrack.h. */
const netlinkFamily = 16;
const rawSocket = 3;
const closeOnExec = 0o2000000;
const netfilterProtocol = 12;
const requestFlag = 0x1;
const ackFlag = 0x4;
const dumpFlag = 0x300;
const errorType = 2;
const doneType = 3;
const getType = (1 << 8) | 1;
const deleteType = (1 << 8) | 2;
const headerBytes = 16;
const familyBytes = 4;
const ipv4 = 2;
const attribute = { original: 1, reply: 2, ip: 1, protocol: 2 } as const;
const ipAttribute = { source: 1, destination: 2 } as const;
const protocolAttribute = { number: 1, sourcePort: 2, destinationPort: 3 } as const;
const typeMask = 0x3fff;

/** One direction of a flow. */
export interface FlowEnd {
  readonly protocol: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

/** A flow that the kernel remembers, as it was sent and as answers are expected. */
export interface TrackedFlow {
  readonly original: FlowEnd;
  readonly reply: FlowEnd;
}

/**
 * Makes the kernel forget IPv4 flows of this network namespace, so that their next packet is translated anew;
 * returns how many it forgot.
 */
export function forgetFlows(isStale: (flow: TrackedFlow) => boolean): number {
  const socket = libc('socket', netlinkFamily, rawSocket | closeOnExec, netfilterProtocol);
  try {
    writeSync(socket, message(getType, requestFlag | dumpFlag, Buffer.alloc(0)));
    const stale: Buffer[] = [];
    forEachAnswer(socket, (body) => {
      const attributes = attributesOf(body.subarray(familyBytes));
      const original = attributes.get(attribute.original);
      const reply = attributes.get(attribute.reply);
      if (original === undefined || reply === undefined) return;
      const flow = { original: decodeEnd(original), reply: decodeEnd(reply) };
      if (isStale(flow)) stale.push(Buffer.from(original));
    });
    for (const original of stale) {
      const head = Buffer.alloc(4);
      head.writeUInt16LE(original.length + 4, 0);
      head.writeUInt16LE(attribute.original | 0x8000, 2);
      writeSync(socket, message(deleteType, requestFlag | ackFlag, Buffer.concat([head, original])));
      forEachAnswer(socket, () => {});
    }
    return stale.length;
  } finally {
    closeSync(socket);
  }
}

function message(type: number, flags: number, attributes: Buffer): Buffer {
  const head = Buffer.alloc(headerBytes + familyBytes);
  head.writeUInt32LE(head.length + attributes.length, 0);
  head.writeUInt16LE(type, 4);
  head.writeUInt16LE(flags, 6);
  head.writeUInt8(ipv4, headerBytes);
  return Buffer.concat([head, attributes]);
}

/** Reads answers to the end of a dump, or to the acknowledgement of a request. */
function forEachAnswer(socket: number, onBody: (body: Buffer) => void): void {
  const buffer = Buffer.alloc(64 * 1024);
  for (;;) {
    const length = readSync(socket, buffer);
    for (let at = 0; at + headerBytes <= length; ) {
      const size = buffer.readUInt32LE(at);
      const type = buffer.readUInt16LE(at + 4);
      if (size < headerBytes || at + size > length) throw new LateenError('linux.netlink', 'a broken answer');
      if (type === doneType) return;
      if (type === errorType) {
        const code = -buffer.readInt32LE(at + headerBytes);
        const gone = 2;
        if (code === 0 || code === gone) return;
        throw new LateenError('linux.netlink', `connection tracking refused a request with error ${code}`);
      }
      onBody(buffer.subarray(at + headerBytes, at + size));
      at += (size + 3) & ~3;
    }
  }
}

function attributesOf(bytes: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const size = bytes.readUInt16LE(at);
    if (size < 4) break;
    found.set(bytes.readUInt16LE(at + 2) & typeMask, bytes.subarray(at + 4, at + size));
    at += (size + 3) & ~3;
  }
  return found;
}

function decodeEnd(tuple: Buffer): FlowEnd {
  const parts = attributesOf(tuple);
  const ip = attributesOf(parts.get(attribute.ip) ?? Buffer.alloc(0));
  const protocol = attributesOf(parts.get(attribute.protocol) ?? Buffer.alloc(0));
  const address = (bytes: Buffer | undefined): string => (bytes === undefined ? '' : [...bytes].join('.'));
  const port = (bytes: Buffer | undefined): number => (bytes === undefined ? 0 : bytes.readUInt16BE(0));
  return {
    protocol: protocol.get(protocolAttribute.number)?.[0] ?? 0,
    source: address(ip.get(ipAttribute.source)),
    sourcePort: port(protocol.get(protocolAttribute.sourcePort)),
    destination: address(ip.get(ipAttribute.destination)),
    destinationPort: port(protocol.get(protocolAttribute.destinationPort)),
  };
}
