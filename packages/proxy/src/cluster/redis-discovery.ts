import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Clock, Logger, Timer } from '@lateen/core';
import type { SocketAddress } from '../model/address.ts';
import type { Cluster, Discovery } from '../model/cluster.ts';
import type { ClusterLoadAssignment } from '../model/endpoint.ts';
import { askOnce } from '../redis/ask-once.ts';
import { greetingOf } from '../redis/greeting.ts';
import { encodeRequest } from '../redis/resp-writer.ts';
import type { ClusterStats } from '../telemetry/cluster-stats.ts';
import type { Connector } from './connector.ts';
import { endpointAt, Host } from './host.ts';
import { RedisSlots } from './redis-slots.ts';

type RedisDiscoveryRules = Extract<Discovery, { kind: 'redis' }>;

export interface RedisDiscoveryContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly connector: Connector;
  readonly stats: ClusterStats;
  readonly onSlots: (slots: RedisSlots, assignment: ClusterLoadAssignment) => void;
}

const nowhere = { region: '', zone: '', subZone: '' };
const question = encodeRequest(['CLUSTER', 'SLOTS']);

/**
 * Asks one of the nodes of a Redis Cluster, again and again, who has which slots. Those of the configuration are asked
 * until one has answered, then those of the last answer.
 * Source: Envoy, "Redis Cluster support", and `RedisClusterConfig`.
 */
export class RedisDiscovery {
  readonly #model: Cluster;
  readonly #rules: RedisDiscoveryRules;
  readonly #context: RedisDiscoveryContext;
  readonly #seeds: readonly SocketAddress[];
  #nodes: readonly SocketAddress[] = [];
  #timer: Timer | undefined;
  #timeout: Timer | undefined;
  #asking: { cancel(): void } | undefined;
  /** From a question until what is to be done with its answer is done, names looked up and all. */
  #isUnderWay = false;
  #closed = false;
  #redirections = 0;
  #lastAskedMs = Number.NEGATIVE_INFINITY;
  readonly #first = Promise.withResolvers<void>();

  constructor(model: Cluster, rules: RedisDiscoveryRules, context: RedisDiscoveryContext) {
    this.#model = model;
    this.#rules = rules;
    this.#context = context;
    this.#seeds = (model.loadAssignment?.localities ?? []).flatMap(({ endpoints }) =>
      endpoints.flatMap(({ address }) => (address.kind === 'socket' ? [address] : [])),
    );
    void this.#ask();
  }

  /** Resolves when somebody has been asked for once. */
  get asked(): Promise<void> {
    return this.#first.promise;
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#stopAsking();
    this.#first.resolve();
  }

  /** A node has said that another one has the slot: after so many it is time to ask again, unless that is under way. */
  noteRedirection(): void {
    if (this.#isUnderWay) return;
    const { redirectThreshold, redirectIntervalMs } = this.#rules;
    if (redirectThreshold === 0 || ++this.#redirections < redirectThreshold) return;
    if (this.#context.clock.monotonicMs() - this.#lastAskedMs < redirectIntervalMs) return;
    this.#timer?.cancel();
    void this.#ask();
  }

  async #ask(): Promise<void> {
    const { clock, random, connector, stats } = this.#context;
    this.#isUnderWay = true;
    this.#redirections = 0;
    this.#lastAskedMs = clock.monotonicMs();
    stats.lookups.n.attempt++;
    const known = this.#nodes.length > 0 ? this.#nodes : this.#seeds;
    const node = known[Math.floor(random() * known.length)];
    const address = node === undefined ? undefined : await numeric(node);
    if (this.#closed) return;
    if (address === undefined) {
      this.#failed('no node is known by an address');
      return;
    }
    const greeting = greetingOf(this.#model);
    const requests = greeting.length === 0 ? [question] : [greeting, question];
    const host = new Host(endpointAt(address), nowhere, 0, 0);
    this.#timeout = clock.after(this.#rules.timeoutMs, () => {
      this.#stopAsking();
      this.#failed('it did not answer in time');
    });
    this.#asking = askOnce(connector, host, requests, (reply) => void this.#take(reply, address));
  }

  async #take(reply: Buffer | undefined, asked: SocketAddress): Promise<void> {
    this.#timeout?.cancel();
    const told = reply === undefined ? undefined : RedisSlots.of(reply, asked);
    if (told === undefined) {
      this.#failed(reply === undefined ? 'it cannot be reached' : 'its answer does not tell all slots');
      return;
    }
    const slots = told.names.length === 0 ? told : told.resolved(await addressesOf(told.names));
    if (this.#closed) return;
    if (slots === undefined) {
      this.#failed(`not all primaries have an address: ${told.names.join(', ')}`);
      return;
    }
    this.#nodes = slots.addresses;
    this.#context.stats.lookups.n.success++;
    this.#context.onSlots(slots, {
      name: this.#model.name,
      overprovisioningFactor: 140,
      dropFractions: [],
      localities: [{ locality: nowhere, priority: 0, endpoints: slots.addresses.map(endpointAt) }],
    });
    this.#later();
  }

  #failed(reason: string): void {
    const { stats, logger } = this.#context;
    stats.lookups.n.failure++;
    logger.debug(`the slots are not known anew: ${reason}`, { cluster: this.#model.name });
    // Next time one of the configuration is asked: those of the last answer may all be gone.
    this.#nodes = [];
    this.#later();
  }

  #later(): void {
    this.#isUnderWay = false;
    this.#first.resolve();
    if (this.#closed) return;
    this.#timer = this.#context.clock.after(this.#rules.refreshMs, () => void this.#ask());
  }

  #stopAsking(): void {
    this.#timeout?.cancel();
    this.#asking?.cancel();
  }
}

/** The first address of each name that has one. */
async function addressesOf(names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  await Promise.all(
    names.map(async (name) => {
      const node = await numeric({ kind: 'socket', address: name, port: 0 });
      if (node !== undefined) found.set(name, node.address);
    }),
  );
  return found;
}

/** The first address of a name; undefined where it has none. */
async function numeric(node: SocketAddress): Promise<SocketAddress | undefined> {
  if (isIP(node.address) !== 0) return node;
  try {
    const { address } = await lookup(node.address);
    return { ...node, address };
  } catch {
    return undefined;
  }
}
