import type { TlsInfo } from '../wire/tls-info.ts';
import type { Peer } from './peer.ts';

/** Who both ends are by their certificates: URI names, empty where there is none. */
interface Principals {
  readonly peerPrincipal: string;
  readonly ownPrincipal: string;
}

/** A peer as metadata describe it, with who it is and who we are to it by certificates. */
export type IdentifiedPeer = Peer & Partial<Principals>;

/** Pairs of names that are told apart; what is beyond them is `unknown`. */
const maxPairs = 2_000;

interface Pair extends Principals {
  readonly peers: WeakMap<Peer, IdentifiedPeer>;
}

/**
 * The principals of connections. They are what certificates say, never what a peer says of itself: its metadata come
 * by a header. The same object for the same peer and names, so that it chooses a cell.
 */
export class MeshPrincipals {
  readonly #byNames = new Map<string, Pair>();

  /** The peer with the names of this connection; itself where the connection has none. */
  identify(peer: Peer, tls: TlsInfo | undefined): IdentifiedPeer {
    if (tls === undefined) return peer;
    // Each connection is asked for again and again, and mostly for the same peer.
    const { acquaintance } = tls;
    if (acquaintance.peer !== peer) {
      acquaintance.peer = peer;
      acquaintance.identified = this.#identify(peer, tls);
    }
    return acquaintance.identified ?? peer;
  }

  #identify(peer: Peer, tls: TlsInfo): IdentifiedPeer {
    const pair = this.#pairOf(tls);
    if (pair === undefined) return peer;
    let identified = pair.peers.get(peer);
    if (identified === undefined) {
      const { peerPrincipal, ownPrincipal } = pair;
      identified = { ...peer, peerPrincipal, ownPrincipal };
      pair.peers.set(peer, identified);
    }
    return identified;
  }

  #pairOf(tls: TlsInfo): Pair | undefined {
    const [peerPrincipal = ''] = tls.peerUriSans;
    const [ownPrincipal = ''] = tls.own?.uriSans ?? [];
    const key = `${peerPrincipal} ${ownPrincipal}`;
    let pair = this.#byNames.get(key);
    if (pair === undefined) {
      if (this.#byNames.size >= maxPairs) return undefined;
      pair = { peerPrincipal, ownPrincipal, peers: new WeakMap() };
      this.#byNames.set(key, pair);
    }
    return pair;
  }
}
