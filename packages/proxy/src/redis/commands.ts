/** How a command is carried out. */
export type CommandKind =
  /** By the endpoint of the key, its first argument. */
  | 'simple'
  /** By that of the third argument, the first key of a script. */
  | 'script'
  /** Of each key by its endpoint, the answers put together: a list, one `OK`, a sum. */
  | 'mget'
  | 'mset'
  | 'sum'
  /** By that of the second argument, the key that `OBJECT` tells of. */
  | 'object'
  /** By every endpoint: all have to answer the same, or their lists are put together. */
  | 'everywhere'
  | 'lists'
  /** By any endpoint. */
  | 'anywhere'
  /** With the commands between, by one endpoint. */
  | 'transaction';

const bare: ReadonlySet<string> = new Set(
  'multi exec discard watch unwatch flushall flushdb randomkey ping time hello'.split(' '),
);

/** Whether a command may come without arguments. */
export const mayBeBare = (name: string): boolean => bare.has(name);

export interface Command {
  readonly name: string;
  readonly kind: CommandKind;
  /** Changes nothing. */
  readonly reads: boolean;
}

const simpleReads =
  'bf.card bf.exists bf.info bf.mexists bf.scandump bitcount bitfield_ro bitpos dump geodist geohash geopos georadius_ro georadiusbymember_ro geosearch get ' +
  'getbit getrange hexists hget hexpiretime hgetall hkeys hlen hmget hpexpiretime hpttl hrandfield hscan hstrlen httl hvals lindex llen lpos ' +
  'lrange pttl scard sdiff sinter sismember smembers smismember sort_ro srandmember sscan strlen substr sunion ttl type xlen xpending xrange ' +
  'xrevrange zcard zcount zlexcount zmscore zrandmember zrange zrangebylex zrangebyscore zrank zrevrange ' +
  'zrevrangebylex zrevrangebyscore zrevrank zscan zscore expiretime pexpiretime';
const simpleWrites =
  'append bf.add bf.insert bf.loadchunk bf.madd bf.reserve bitfield copy decr decrby expire expireat geoadd georadius georadiusbymember geosearchstore getdel getex getset hdel hexpire hexpireat hincrby hincrbyfloat hmset hpersist hpexpire hpexpireat hset ' +
  'hsetnx incr incrby incrbyfloat linsert lpop lpush lpushx lmove lrem lset ltrim msetnx persist pexpire pexpireat pfadd ' +
  'pfcount pfmerge psetex publish rename renamenx restore rpop rpoplpush rpush rpushx sadd sdiffstore set setbit setex setnx setrange sinterstore smove sort spop srem sunionstore xack xadd ' +
  'xautoclaim xclaim xdel xtrim zadd zincrby zpopmax zpopmin zrangestore zrem zremrangebylex zremrangebyrank ' +
  'zremrangebyscore';
const others: readonly (readonly [CommandKind, string, boolean])[] = [
  ['simple', simpleReads, true],
  ['simple', simpleWrites, false],
  ['script', 'eval evalsha', false],
  ['mget', 'mget', true],
  ['mset', 'mset', false],
  ['sum', 'exists', true],
  ['sum', 'del touch unlink', false],
  ['object', 'object', true],
  ['everywhere', 'flushall flushdb script', false],
  ['lists', 'keys', true],
  ['anywhere', 'randomkey', true],
  ['transaction', 'multi exec discard watch unwatch', false],
];

/** Commands that the proxy passes on, by their name in lower case (Envoy, "Redis", supported commands). */
export const commands: ReadonlyMap<string, Command> = new Map(
  others.flatMap(([kind, names, reads]) => names.split(' ').map((name) => [name, { name, kind, reads }])),
);
