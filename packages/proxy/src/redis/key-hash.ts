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
