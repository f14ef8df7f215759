import { isIP } from 'node:net';
import type { SocketAddress } from '../model/address.ts';
import { formatAddress } from '../model/address.ts';
import type { RedisReadPolicy } from '../model/redis.ts';
import { valueOf, type ReplyValue } from '../redis/reply-value.ts';
import type { Host } from './host.ts';

/** Redis Cluster, "Key distribution model". */
export const slotCount = 16_384;

/** Who has the keys of some slots. */
interface Shard {
  readonly primary: SocketAddress;
  readonly replicas: readonly SocketAddress[];
}

/** Which shard each slot is in. */
export class RedisSlots {
  readonly #shards: readonly Shard[];
  /** By slot; -1: nobody has it. */
  readonly #shardOf: Int16Array;
  /** Addresses of nodes that the cluster calls by names, by those, as `node-1.redis:6379`. */
  readonly #named: ReadonlyMap<string, string>;

  private constructor(
    shards: readonly Shard[],
    shardOf: Int16Array,
    named: ReadonlyMap<string, string> = new Map(),
  ) {
    this.#shards = shards;
    this.#shardOf = shardOf;
    this.#named = named;
  }

  /** Reads the answer to `CLUSTER SLOTS`; undefined where it is none. `asked` is who stands without an address in it. */
  static of(reply: Buffer, asked: SocketAddress): RedisSlots | undefined {
    const ranges = itemsOf(valueOf(reply));
    if (ranges === undefined) return undefined;
    const shards: Shard[] = [];
    const shardOf = new Int16Array(slotCount).fill(-1);
    for (const range of ranges) {
      const [start, end, ...nodes] = itemsOf(range) ?? [];
      const [primary, ...replicas] = nodes.map((node) => addressOf(node, asked));
      if (start?.kind !== 'integer' || end?.kind !== 'integer' || primary === undefined) return undefined;
      if (start.value < 0 || end.value < start.value || end.value >= slotCount) return undefined;
      shardOf.fill(shards.length, start.value, end.value + 1);
      shards.push({ primary, replicas: replicas.filter((one) => one !== undefined) });
    }
    return shards.length === 0 ? undefined : new RedisSlots(shards, shardOf);
  }

  /** Everybody, each once. */
  get addresses(): readonly SocketAddress[] {
    const all = this.#shards.flatMap(({ primary, replicas }) => [primary, ...replicas]);
    return [...new Map(all.map((address) => [formatAddress(address), address])).values()];
  }

  /** The names in it that are no addresses, each once. */
  get names(): readonly string[] {
    return [
      ...new Set(this.addresses.map(({ address }) => address).filter((address) => isIP(address) === 0)),
    ];
  }

  /** The same with addresses for names; undefined where a primary has none. A replica without is left out. */
  resolved(byName: ReadonlyMap<string, string>): RedisSlots | undefined {
    const named = new Map<string, string>();
    const resolve = (node: SocketAddress): SocketAddress | undefined => {
      if (isIP(node.address) !== 0) return node;
      const address = byName.get(node.address);
      if (address === undefined) return undefined;
      const found = { ...node, address };
      named.set(formatAddress(node), formatAddress(found));
      return found;
    };
    const shards: Shard[] = [];
    for (const shard of this.#shards) {
      const primary = resolve(shard.primary);
      if (primary === undefined) return undefined;
      shards.push({
        primary,
        replicas: shard.replicas.map(resolve).filter((one) => one !== undefined),
      });
    }
    return new RedisSlots(shards, this.#shardOf, named);
  }

  /** The address of a node that the cluster calls by a name, with its port; what is no such name is as it was. */
  placeOf(node: string): string {
    return this.#named.get(node) ?? node;
  }

  /** Who serves a slot; undefined where nobody does. `draw` is below 1. */
  choose(
    slot: number,
    policy: RedisReadPolicy,
    hosts: ReadonlyMap<string, Host>,
    draw: number,
  ): Host | undefined {
    const shard = this.#shards[this.#shardOf[slot] ?? -1];
    if (shard === undefined) return undefined;
    const primary = hosts.get(formatAddress(shard.primary));
    if (policy === 'primary') return primary;
    const well = (host: Host | undefined): host is Host => host?.healthy === true;
    const replicas = shard.replicas.map((one) => hosts.get(formatAddress(one))).filter(well);
    const one = (among: readonly Host[]): Host | undefined => among[Math.floor(draw * among.length)];
    switch (policy) {
      case 'prefer_primary':
        return well(primary) ? primary : (one(replicas) ?? primary);
      case 'replica':
        return one(replicas);
      case 'prefer_replica':
        return one(replicas) ?? primary;
      default:
        return one(well(primary) ? [primary, ...replicas] : replicas) ?? primary;
    }
  }
}

function itemsOf(value: ReplyValue | undefined): readonly (ReplyValue | undefined)[] | undefined {
  return value?.kind === 'array' ? value.items : undefined;
}

/** A node of the answer: its address or name, its port, and more. */
function addressOf(node: ReplyValue | undefined, asked: SocketAddress): SocketAddress | undefined {
  const [name, port] = itemsOf(node) ?? [];
  if (port?.kind !== 'integer') return undefined;
  if (name !== undefined && name.kind !== 'text') return undefined;
  const text = name?.text ?? '';
  // "?" is a node that does not know its own name.
  if (text === '?') return undefined;
  return { kind: 'socket', address: text === '' ? asked.address : text, port: port.value };
}
