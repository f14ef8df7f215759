import { formatAddress, parseSocketAddress } from '../model/address.ts';
import type { UpstreamCluster } from '../cluster/upstream-cluster.ts';
import { nobody, type RedisClient, type ReplyListener } from './redis-client.ts';
import { encodeRequest } from './resp-writer.ts';
import type { RedisUpstreams } from './upstreams.ts';

const errorByte = 45;
const asking = encodeRequest(['asking']);
/** Each node may send on to the next while slots move; more than that goes round in circles. */
const maxHops = 5;

/**
 * Sends a request once more where a node of a Redis Cluster answers that another one has the slot: `MOVED` for good,
 * `ASK` for this one request. The client gets the error where that node cannot be connected to: it is known by a name
 * alone, or there are as many connections to nodes that are not known as may be.
 */
export class Redirections implements ReplyListener {
  readonly #cluster: UpstreamCluster;
  readonly #upstreams: RedisUpstreams;
  readonly #request: Buffer;
  readonly #listener: ReplyListener;
  #hops = 0;

  constructor(cluster: UpstreamCluster, upstreams: RedisUpstreams, request: Buffer, listener: ReplyListener) {
    this.#cluster = cluster;
    this.#upstreams = upstreams;
    this.#request = request;
    this.#listener = listener;
  }

  onReply(reply: Buffer): void {
    if (reply[0] !== errorByte || !this.#follow(reply.toString('latin1', 1, reply.length - 2)))
      this.#listener.onReply(reply);
  }

  onFailure(text: string): void {
    this.#listener.onFailure(text);
  }

  /** `MOVED 3999 127.0.0.1:6381`; false where the request is not sent again. */
  #follow(error: string): boolean {
    const [kind, , place, ...more] = error.split(' ');
    if ((kind !== 'MOVED' && kind !== 'ASK') || place === undefined || more.length > 0) return false;
    this.#cluster.onRedirection();
    const { n } = this.#cluster.stats;
    const client = ++this.#hops > maxHops ? undefined : this.#clientAt(place);
    if (client === undefined) {
      n.upstreamInternalRedirectFailed++;
      return false;
    }
    n.upstreamInternalRedirectSucceeded++;
    if (kind === 'ASK') client.send(asking, nobody);
    client.send(this.#request, this);
    return true;
  }

  #clientAt(place: string): RedisClient | undefined {
    const address = parseSocketAddress(place);
    const host = this.#cluster.hostAt(address === undefined ? place : formatAddress(address));
    if (host !== undefined) return this.#upstreams.client(this.#cluster, host);
    return address === undefined ? undefined : this.#upstreams.unknownClient(this.#cluster, address);
  }
}
