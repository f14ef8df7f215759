import { headerName, names, tokenLower } from '../codec/header-name.ts';

/** Lines that are kept, and the longest of them. */
const slotBits = 7;
const slots = 1 << slotBits;
const slotBytes = 192;
const slotWords = slotBytes / 4;
/** Bytes of a line that choose its slot. */
const keyBytes = 12;
/** How often in a row another line must come for a slot before it takes it. */
const mostCredit = 3;

/**
 * Names whose lines are kept: those that infrastructure says again and again. No name that carries what one user knows
 * and another does not: how long a line takes to read would tell of it.
 */
const keptNames: ReadonlySet<number> = new Set(
  [
    names.accept,
    names.altSvc,
    names.attemptCount,
    names.connection,
    names.contentLength,
    names.contentType,
    names.date,
    names.decoratorOperation,
    names.expectedTimeout,
    names.forwardedProto,
    names.host,
    names.keepAlive,
    names.peerMetadataId,
    names.server,
    names.serviceTime,
    names.te,
    names.transferEncoding,
    names.userAgent,
    names.via,
    headerName('accept-encoding'),
    headerName('accept-language'),
    headerName('accept-ranges'),
    headerName('cache-control'),
    headerName('etag'),
    headerName('expires'),
    headerName('grpc-accept-encoding'),
    headerName('last-modified'),
    headerName('pragma'),
    headerName('strict-transport-security'),
    headerName('vary'),
    headerName('x-content-type-options'),
    headerName('x-frame-options'),
    headerName('x-powered-by'),
    headerName('x-xss-protection'),
  ].map((name) => name.hash),
);

const bytes = new Uint8Array(slots * slotBytes);
const words = new Int32Array(bytes.buffer);
/** The same with the names in lower case. */
const lowered = new Uint8Array(slots * slotBytes);
const loweredWords = new Int32Array(lowered.buffer);
/** Of each slot; 0: it is empty. */
const lengths = new Int32Array(slots);
const credits = new Int8Array(slots);
const nameLengths = new Int32Array(slots);
const valueStarts = new Int32Array(slots);
const valueEnds = new Int32Array(slots);
const hashes = new Int32Array(slots);
const framings = new Int8Array(slots);
/** 1 where the name is not in lower case. */
const cased = new Uint8Array(slots);

/** What is known of a header line, relative to its first byte; see {@link findKnownLine}. */
export const knownLine = { lengths, nameLengths, valueStarts, valueEnds, hashes, framings, cased } as const;

function slotOf(view: DataView, at: number): number {
  const mixed = view.getInt32(at, true) ^ Math.imul(view.getInt32(at + keyBytes - 4, true), 0x9e3779b1);
  return Math.imul(mixed, 0x85ebca6b) >>> (32 - slotBits);
}

/**
 * The slot of a line which begins at `at` and was read before, byte for byte: what was found in it then need not be
 * found again. -1 for others. Most lines of most heads are such: a service's answers differ in few of them.
 */
export function findKnownLine(view: DataView, at: number, end: number): number {
  if (end - at < keyBytes) return -1;
  const slot = slotOf(view, at);
  const length = lengths[slot] as number;
  if (length === 0 || end - at < length) return -1;
  let word = slot * slotWords;
  let from = at;
  for (const last = word + (length >> 2); word < last; word++) {
    if (words[word] !== view.getInt32(from, true)) return -1;
    from += 4;
  }
  for (let byte = word << 2; from < at + length; byte++) {
    if (bytes[byte] !== view.getUint8(from++)) return -1;
  }
  credits[slot] = mostCredit;
  return slot;
}

/** Puts the name of a known line, which lies at `at`, in lower case. */
export function lowerKnownName(view: DataView, at: number, slot: number): void {
  let word = slot * slotWords;
  const end = at + (nameLengths[slot] as number);
  // The last word may go on into the value, which stays what it is: a line has as many bytes, as it ends with CRLF.
  for (; at < end; at += 4) view.setInt32(at, loweredWords[word++] as number, true);
}

/** Keeps a line that has been read, where it is one that is worth it. The offsets are those of the buffer. */
export function keepLine(
  view: DataView,
  lineStart: number,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
  lineEnd: number,
  hash: number,
  framing: number,
  isCased: boolean,
): void {
  const length = lineEnd - lineStart;
  if (length > slotBytes || length < keyBytes || !keptNames.has(hash)) return;
  const slot = slotOf(view, lineStart);
  const credit = credits[slot] as number;
  if (credit > 0) {
    credits[slot] = credit - 1;
    return;
  }
  const base = slot * slotBytes;
  for (let i = 0; i < length; i++) {
    const byte = view.getUint8(lineStart + i);
    bytes[base + i] = byte;
    lowered[base + i] = lineStart + i < nameEnd ? (tokenLower[byte] as number) : byte;
  }
  lengths[slot] = length;
  credits[slot] = 1;
  nameLengths[slot] = nameEnd - lineStart;
  valueStarts[slot] = valueStart - lineStart;
  valueEnds[slot] = valueEnd - lineStart;
  hashes[slot] = hash;
  framings[slot] = framing;
  cased[slot] = isCased ? 1 : 0;
}
