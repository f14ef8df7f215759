const polynomial = 0xedb8_8320;
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = (sum & 1) === 1 ? (sum >>> 1) ^ polynomial : sum >>> 1;
  return sum;
});

/**
 * The CRC-32 of IEEE 802.3 over bytes, as zlib's; `sum` is that of what came before. Node's is in `zlib`, which takes half
 * a megabyte of a process that needs nothing else of it.
 */
export function crc32(bytes: Uint8Array, sum = 0): number {
  let rest = ~sum;
  for (const byte of bytes) rest = (rest >>> 8) ^ (table[(rest ^ byte) & 0xff] as number);
  return ~rest >>> 0;
}
