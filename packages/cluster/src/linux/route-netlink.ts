import { closeSync, readSync, writeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { LateenError } from '@lateen/core';
import { libc } from './libc.ts';

/** linux/netlink.h, linux/rtnetlink.h, linux/if_link.h, linux/if_addr.h, linux/veth.h. */
const netlinkFamily = 16;
const rawSocket = 3;
const closeOnExec = 0o2000000;
const routeProtocol = 0;
const flag = { request: 0x1, ack: 0x4, exclusive: 0x200, create: 0x400 } as const;
const type = { error: 2, newLink: 16, newAddress: 20, newRoute: 24 } as const;
const linkAttribute = { hardwareAddress: 1, name: 3, master: 10, info: 18, namespaceFd: 28 } as const;
const infoAttribute = { kind: 1, data: 2 } as const;
const vethPeer = 1;
const addressAttribute = { address: 1, local: 2 } as const;
const routeAttribute = { destination: 1, device: 4, gateway: 5, preferredSource: 7 } as const;
const ipv4 = 2;
const up = 1;
const mainTable = 254;
const bootProtocol = 3;
const scope = { universe: 0, link: 253 } as const;
const unicast = 1;
const onLink = 4;
const headerBytes = 16;

/** One change of the network; make it with the functions below. */
export interface RouteRequest {
  readonly type: number;
  readonly flags: number;
  readonly body: Buffer;
  /** For an error message. */
  readonly what: string;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function addressBytes(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

function attribute(kind: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const bytes = Buffer.alloc((4 + body.length + 3) & ~3);
  bytes.writeUInt16LE(4 + body.length, 0);
  bytes.writeUInt16LE(kind, 2);
  body.copy(bytes, 4);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}

/** `struct ifinfomsg`. */
function linkHead(index: number, flags: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeInt32LE(index, 4);
  bytes.writeUInt32LE(flags, 8);
  bytes.writeUInt32LE(flags, 12);
  return bytes;
}

const create = flag.create | flag.exclusive;

/** Makes a bridge that is up. */
export function addBridge(name: string, hardwareAddress: string): RouteRequest {
  const address = Buffer.from(hardwareAddress.replaceAll(':', ''), 'hex');
  const body = [
    linkHead(0, up),
    attribute(linkAttribute.name, text(name)),
    attribute(linkAttribute.hardwareAddress, address),
    attribute(linkAttribute.info, attribute(infoAttribute.kind, text('bridge'))),
  ];
  return { type: type.newLink, flags: create, body: Buffer.concat(body), what: `add bridge ${name}` };
}

/** Makes a cable from a port of a bridge, which is up, to a device in another network namespace. */
export function addCable(
  name: string,
  bridgeIndex: number,
  peer: { readonly name: string; readonly namespaceFd: number },
): RouteRequest {
  const other = attribute(
    vethPeer,
    linkHead(0, 0),
    attribute(linkAttribute.name, text(peer.name)),
    attribute(linkAttribute.namespaceFd, u32(peer.namespaceFd)),
  );
  const info = attribute(
    linkAttribute.info,
    attribute(infoAttribute.kind, text('veth')),
    attribute(infoAttribute.data, other),
  );
  const body = [
    linkHead(0, up),
    attribute(linkAttribute.name, text(name)),
    attribute(linkAttribute.master, u32(bridgeIndex)),
    info,
  ];
  return { type: type.newLink, flags: create, body: Buffer.concat(body), what: `add cable ${name}` };
}

export function setUp(index: number): RouteRequest {
  return { type: type.newLink, flags: 0, body: linkHead(index, up), what: `set device ${index} up` };
}

/** Gives a device an address, as `10.244.0.1` with 16 bits. */
export function addAddress(index: number, address: string, bits: number): RouteRequest {
  const head = Buffer.alloc(8);
  head.writeUInt8(ipv4, 0);
  head.writeUInt8(bits, 1);
  head.writeUInt32LE(index, 4);
  const body = [
    head,
    attribute(addressAttribute.local, addressBytes(address)),
    attribute(addressAttribute.address, addressBytes(address)),
  ];
  return { type: type.newAddress, flags: create, body: Buffer.concat(body), what: `add address ${address}` };
}

export interface Route {
  /** As `10.96.0.0/16`; default everything. */
  readonly destination?: string;
  readonly device: number;
  /** Taken to be on the device's link whatever its addresses are. */
  readonly gateway?: string;
  readonly preferredSource?: string;
}

export function addRoute(route: Route): RouteRequest {
  const [destination = '', bits = '0'] = (route.destination ?? '').split('/');
  const head = Buffer.alloc(12);
  head.writeUInt8(ipv4, 0);
  head.writeUInt8(Number(bits), 1);
  head.writeUInt8(mainTable, 4);
  head.writeUInt8(bootProtocol, 5);
  head.writeUInt8(route.gateway === undefined ? scope.link : scope.universe, 6);
  head.writeUInt8(unicast, 7);
  head.writeUInt32LE(route.gateway === undefined ? 0 : onLink, 8);
  const body = [head, attribute(routeAttribute.device, u32(route.device))];
  const add = (kind: number, address: string | undefined): void => {
    if (address !== undefined && address !== '') body.push(attribute(kind, addressBytes(address)));
  };
  add(routeAttribute.destination, destination);
  add(routeAttribute.gateway, route.gateway);
  add(routeAttribute.preferredSource, route.preferredSource);
  const what = `add route to ${route.destination ?? 'everywhere'}`;
  return { type: type.newRoute, flags: create, body: Buffer.concat(body), what };
}

/** The number of a device of the calling thread's network namespace. */
export function deviceIndex(name: string): number {
  const index = libc('if_nametoindex', name);
  if (index === 0) throw new LateenError('linux.ENODEV', `there is no device ${name}`);
  return index;
}

/**
 * Makes changes, in order, in the network namespace that the calling thread is in; throws a LateenError
 * `linux.NAME` for the first that the kernel refuses.
 */
export function changeNetwork(requests: readonly RouteRequest[]): void {
  const socket = libc('socket', netlinkFamily, rawSocket | closeOnExec, routeProtocol);
  try {
    const answer = Buffer.alloc(8192);
    for (const { type: requestType, flags, body, what } of requests) {
      const head = Buffer.alloc(headerBytes);
      head.writeUInt32LE(headerBytes + body.length, 0);
      head.writeUInt16LE(requestType, 4);
      head.writeUInt16LE(flag.request | flag.ack | flags, 6);
      writeSync(socket, Buffer.concat([head, body]));
      // The kernel has done it, and answered, when the write returns.
      readSync(socket, answer);
      const code = answer.readUInt16LE(4) === type.error ? answer.readInt32LE(headerBytes) : 0;
      if (code === 0) continue;
      const name = getSystemErrorName(code);
      throw new LateenError(`linux.${name}`, `the kernel refuses to ${what}: ${name}`);
    }
  } finally {
    closeSync(socket);
  }
}
