import { isIPv6 } from 'node:net';
import type { SocketAddress } from '../model/address.ts';
import { addressBytes } from '../model/address-bytes.ts';
import { signature2, type ProxiedEnds, type Tlv } from './proxy-header.ts';

/** A line of version 1; `UNKNOWN` where the two ends are of different families. */
export function encodeVersion1({ source, destination }: ProxiedEnds): Buffer {
  const six = isIPv6(source.address);
  if (six !== isIPv6(destination.address) || source.address === '' || destination.address === '')
    return Buffer.from('PROXY UNKNOWN\r\n', 'latin1');
  const { address, port } = destination;
  return Buffer.from(
    `PROXY ${six ? 'TCP6' : 'TCP4'} ${source.address} ${address} ${source.port} ${port}\r\n`,
    'latin1',
  );
}

/**
 * A header of version 2; `LOCAL` without ends, and where one has no address, as of a Unix socket. Ends of two families are
 * both written as IPv6.
 */
export function encodeVersion2(ends: ProxiedEnds | undefined, tlvs: readonly Tlv[] = []): Buffer {
  if (ends === undefined || ends.source.address === '' || ends.destination.address === '')
    return head(0x20, 0, Buffer.alloc(0));
  const { source, destination } = ends;
  const six = isIPv6(source.address) || isIPv6(destination.address);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  const body = Buffer.concat([
    wideAddress(source, six),
    wideAddress(destination, six),
    ports,
    ...tlvs.map(encodeTlv),
  ]);
  return head(0x21, six ? 0x21 : 0x11, body);
}

function head(command: number, family: number, body: Buffer): Buffer {
  const fixed = Buffer.alloc(4);
  fixed[0] = command;
  fixed[1] = family;
  fixed.writeUInt16BE(body.length, 2);
  return Buffer.concat([signature2, fixed, body]);
}

function encodeTlv({ type, value }: Tlv): Buffer {
  const fixed = Buffer.alloc(3);
  fixed[0] = type;
  fixed.writeUInt16BE(value.length, 1);
  return Buffer.concat([fixed, value]);
}

function wideAddress({ address }: SocketAddress, six: boolean): Buffer {
  const bytes = addressBytes(address);
  return six && bytes.length === 4
    ? Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255]), bytes])
    : bytes;
}
