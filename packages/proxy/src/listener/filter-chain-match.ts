import { compileIpRange, type IpRange } from '../decide/ip-range.ts';
import type { SocketAddress } from '../model/address.ts';
import type { FilterChainMatch } from '../model/listener.ts';

/** What a connection is when its filter chain is chosen. */
export interface ConnectionTraits {
  readonly destination: SocketAddress;
  readonly source: SocketAddress;
  readonly directSource: SocketAddress;
  /** SNI, lower case; empty where there was none. */
  readonly serverName: string;
  readonly transportProtocol: 'tls' | 'raw_buffer';
  readonly applicationProtocols: readonly string[];
}

interface Candidate<T> {
  readonly match: FilterChainMatch;
  readonly chain: T;
  readonly destinations: readonly IpRange[];
  readonly directSources: readonly IpRange[];
  readonly sources: readonly IpRange[];
}

/** Keeps those with the best score above 0; those that ask for nothing (score 0) where there is none. */
function narrow<T>(
  candidates: readonly Candidate<T>[],
  score: (candidate: Candidate<T>) => number,
): Candidate<T>[] {
  let best = 0;
  let kept: Candidate<T>[] = [];
  for (const candidate of candidates) {
    const value = score(candidate);
    if (value < best) continue;
    if (value > best) {
      best = value;
      kept = [];
    }
    kept.push(candidate);
  }
  return kept;
}

/** -1: does not match; 0: does not ask; else how well. */
function rangeScore(ranges: readonly IpRange[], address: string): number {
  if (ranges.length === 0) return 0;
  let best = -1;
  for (const range of ranges)
    if (range.prefixLength + 1 > best && range.contains(address)) best = range.prefixLength + 1;
  return best;
}

function listScore<T>(wanted: readonly T[], has: (item: T) => boolean): number {
  if (wanted.length === 0) return 0;
  return wanted.some(has) ? 1 : -1;
}

function serverNameScore(wanted: readonly string[], serverName: string): number {
  if (wanted.length === 0) return 0;
  let best = -1;
  for (const name of wanted) {
    if (name === serverName) return 1_000;
    if (name === '*') best = Math.max(best, 1);
    else if (name.startsWith('*.') && serverName.endsWith(name.slice(1))) best = Math.max(best, name.length);
  }
  return best;
}

/** Of the loopback range the one address, as Envoy has it. */
function isLocal(traits: ConnectionTraits): boolean {
  const { address } = traits.source;
  return address === traits.destination.address || address === '127.0.0.1' || address === '::1';
}

/**
 * Chooses the filter chain of a connection. The criteria are looked at in Envoy's order, each
 * keeping the most specific chains; there is no way back (`FilterChainMatch` in Envoy's API).
 */
export class FilterChainTable<T> {
  readonly #candidates: readonly Candidate<T>[];
  readonly #byPort = new Map<number, readonly Candidate<T>[]>();
  readonly #anyPort: readonly Candidate<T>[];

  constructor(chains: readonly { readonly match: FilterChainMatch; readonly chain: T }[]) {
    this.#candidates = chains.map(({ match, chain }) => ({
      match,
      chain,
      destinations: match.prefixRanges.map(compileIpRange),
      directSources: match.directSourcePrefixRanges.map(compileIpRange),
      sources: match.sourcePrefixRanges.map(compileIpRange),
    }));
    for (const { match } of this.#candidates) {
      const port = match.destinationPort;
      if (port === undefined || this.#byPort.has(port)) continue;
      this.#byPort.set(
        port,
        this.#candidates.filter((candidate) => candidate.match.destinationPort === port),
      );
    }
    this.#anyPort = this.#candidates.filter((candidate) => candidate.match.destinationPort === undefined);
  }

  /** Undefined where no chain takes the connection. */
  find(traits: ConnectionTraits): T | undefined {
    let left = this.#byPort.get(traits.destination.port) ?? this.#anyPort;
    if (left.length === 1 && isOpen(left[0] as Candidate<T>)) return left[0]?.chain;
    left = narrow(left, ({ destinations }) => rangeScore(destinations, traits.destination.address));
    left = narrow(left, ({ match }) => serverNameScore(match.serverNames, traits.serverName));
    left = narrow(left, ({ match }) => {
      if (match.transportProtocol === undefined || match.transportProtocol === '') return 0;
      return match.transportProtocol === traits.transportProtocol ? 1 : -1;
    });
    left = narrow(left, ({ match }) =>
      listScore(match.applicationProtocols, (name) => traits.applicationProtocols.includes(name)),
    );
    left = narrow(left, ({ directSources }) => rangeScore(directSources, traits.directSource.address));
    left = narrow(left, ({ match }) => {
      if (match.sourceType === 'any') return 0;
      return (match.sourceType === 'same_ip_or_loopback') === isLocal(traits) ? 1 : -1;
    });
    left = narrow(left, ({ sources }) => rangeScore(sources, traits.source.address));
    left = narrow(left, ({ match }) => listScore(match.sourcePorts, (port) => port === traits.source.port));
    return left[0]?.chain;
  }
}

/** True where a chain asks for nothing but its port. */
function isOpen<T>({ match }: Candidate<T>): boolean {
  return (
    match.prefixRanges.length === 0 &&
    match.serverNames.length === 0 &&
    (match.transportProtocol ?? '') === '' &&
    match.applicationProtocols.length === 0 &&
    match.directSourcePrefixRanges.length === 0 &&
    match.sourceType === 'any' &&
    match.sourcePrefixRanges.length === 0 &&
    match.sourcePorts.length === 0
  );
}
