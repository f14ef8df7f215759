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
  /** By every endpoint. */
  | 'everywhere'
  /** With the commands between, by one endpoint. */
  | 'transaction';

export interface Command {
  readonly name: string;
  readonly kind: CommandKind;
  /** Changes nothing. */
  readonly reads: boolean;
}

const simpleReads =
  'bitcount bitfield_ro bitpos dump geodist geohash geopos georadius_ro georadiusbymember_ro geosearch get ' +
  'getbit getrange hexists hget hgetall hkeys hlen hmget hrandfield hscan hstrlen hvals lindex llen lpos ' +
  'lrange pttl scard sismember smembers smismember srandmember sscan strlen ttl type xlen xpending xrange ' +
  'xrevrange zcard zcount zlexcount zmscore zrandmember zrange zrangebylex zrangebyscore zrank zrevrange ' +
  'zrevrangebylex zrevrangebyscore zrevrank zscan zscore expiretime pexpiretime';
const simpleWrites =
  'append bitfield decr decrby expire expireat geoadd getdel getex getset hdel hincrby hincrbyfloat hmset hset ' +
  'hsetnx incr incrby incrbyfloat linsert lpop lpush lpushx lrem lset ltrim persist pexpire pexpireat pfadd ' +
  'pfcount psetex publish restore rpop rpush rpushx sadd set setbit setex setnx setrange spop srem xack xadd ' +
  'xautoclaim xclaim xdel xtrim zadd zincrby zpopmax zpopmin zrem zremrangebylex zremrangebyrank ' +
  'zremrangebyscore';
const others: readonly (readonly [CommandKind, string, boolean])[] = [
  ['simple', simpleReads, true],
  ['simple', simpleWrites, false],
  ['script', 'eval evalsha', false],
  ['mget', 'mget', true],
  ['mset', 'mset', false],
  ['sum', 'exists', true],
  ['sum', 'del touch unlink', false],
  ['everywhere', 'flushall flushdb', false],
  ['transaction', 'multi exec discard watch unwatch', false],
];

/** Commands that the proxy passes on, by their name in lower case (Envoy, "Redis", supported commands). */
export const commands: ReadonlyMap<string, Command> = new Map(
  others.flatMap(([kind, names, reads]) => names.split(' ').map((name) => [name, { name, kind, reads }])),
);
