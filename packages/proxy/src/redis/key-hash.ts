import { slotCount } from '../cluster/redis-slots.ts';
import { murmurHash2 } from '../cluster/balancer/hash-function.ts';

const open = 123;
const close = 125;

/** The part in braces of `user:{42}:name`, where there is one that is not empty (Redis Cluster, "Hash tags"). */
export function hashTag(key: Buffer): Buffer {
  const from = key.indexOf(open);
  if (from < 0) return key;
  const to = key.indexOf(close, from + 1);
  return to <= from + 1 ? key : key.subarray(from + 1, to);
}

/** By which the balancer places a key; MurmurHash2, as Envoy. */
export function keyHash(key: Buffer, tags: boolean): bigint {
  return murmurHash2(tags ? hashTag(key) : key);
}

/** The slot of a key in a Redis Cluster, by its hash tag where it has one: CRC-16 with polynomial 0x1021 from 0. */
export function slotOf(key: Buffer): number {
  let crc = 0;
  for (const byte of hashTag(key)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc % slotCount;
}
