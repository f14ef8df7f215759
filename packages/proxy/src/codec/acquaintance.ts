import type { IdentifiedPeer } from '../telemetry/mesh-principals.ts';
import type { Peer } from '../telemetry/peer.ts';
import type { HeaderLine } from './header-block.ts';
import type { RequestHead, ResponseHead } from './head.ts';
import { names } from './header-name.ts';

/** What a proxy tells of itself, ready to be added to a head. */
export interface Introduction {
  readonly id: HeaderLine;
  readonly metadata: HeaderLine;
}

/**
 * What the proxies at the ends of a secure connection know of each other
 * (docs/decisions/0020-proxies-introduce-themselves-once.md).
 */
export class Acquaintance {
  /** Names the connection: both ends have it from their handshake, and no other connection has it. */
  readonly token: string;
  /** At the client's end: the server remembers who we are. */
  knowsUs = false;
  /** At the server's end: who the client has said it is. */
  client: Peer | undefined;
  /** For metrics: the peer of the last request, and the same with who both ends are by certificates. */
  peer: Peer | undefined;
  identified: IdentifiedPeer | undefined;

  constructor(token: string) {
    this.token = token;
  }
}

/** Adds to a request who we are; later it may turn out that whom it is sent to knows. */
export function addIntroduction(head: RequestHead, introduction: Introduction): void {
  const { headers } = head;
  head.introductionAt = headers.lines;
  head.introductionHidden = false;
  head.introductionAsks = false;
  headers.addLine(introduction.id);
  headers.addLine(introduction.metadata);
}

/**
 * Tells the server of a request who we are, unless it knows; true where it was asked to remember. Each try of a request
 * may have a connection of its own.
 */
export function introduce(head: RequestHead, to: Acquaintance | undefined): boolean {
  const at = head.introductionAt;
  if (at < 0) return false;
  const { headers } = head;
  if (head.introductionHidden) {
    headers.restore(at);
    headers.restore(at + 1);
    head.introductionHidden = false;
  } else if (!headers.isLive(at)) {
    // A route has it removed.
    return false;
  }
  if (head.introductionAsks) headers.remove(names.acquaintance);
  head.introductionAsks = to?.knowsUs === false;
  if (to === undefined) return false;
  if (!to.knowsUs) {
    headers.add(names.acquaintance, to.token);
    return true;
  }
  headers.drop(at);
  headers.drop(at + 1);
  head.introductionHidden = true;
  return false;
}

/** Learns from the answer to a request whose server was asked to remember. */
export function noteAnswer({ headers }: ResponseHead, from: Acquaintance): void {
  if (headers.is(names.acquaintance, from.token)) from.knowsUs = true;
}
