/** Why a response is what it is, Envoy's flags; a request may have several. */
export const flag = {
  failedLocalHealthCheck: 1 << 0,
  noHealthyUpstream: 1 << 1,
  upstreamRequestTimeout: 1 << 2,
  localReset: 1 << 3,
  upstreamRemoteReset: 1 << 4,
  upstreamConnectionFailure: 1 << 5,
  upstreamConnectionTermination: 1 << 6,
  upstreamOverflow: 1 << 7,
  noRouteFound: 1 << 8,
  delayInjected: 1 << 9,
  faultInjected: 1 << 10,
  rateLimited: 1 << 11,
  unauthorizedExternalService: 1 << 12,
  rateLimitServiceError: 1 << 13,
  downstreamConnectionTermination: 1 << 14,
  upstreamRetryLimitExceeded: 1 << 15,
  streamIdleTimeout: 1 << 16,
  downstreamProtocolError: 1 << 17,
  upstreamMaxStreamDurationReached: 1 << 18,
  noFilterConfigFound: 1 << 19,
  durationTimeout: 1 << 20,
  upstreamProtocolError: 1 << 21,
  noClusterFound: 1 << 22,
  overloadManager: 1 << 23,
  dropOverload: 1 << 24,
  downstreamRemoteReset: 1 << 25,
} as const;

const letters: readonly (readonly [number, string])[] = [
  [flag.failedLocalHealthCheck, 'LH'],
  [flag.noHealthyUpstream, 'UH'],
  [flag.upstreamRequestTimeout, 'UT'],
  [flag.localReset, 'LR'],
  [flag.upstreamRemoteReset, 'UR'],
  [flag.upstreamConnectionFailure, 'UF'],
  [flag.upstreamConnectionTermination, 'UC'],
  [flag.upstreamOverflow, 'UO'],
  [flag.noRouteFound, 'NR'],
  [flag.delayInjected, 'DI'],
  [flag.faultInjected, 'FI'],
  [flag.rateLimited, 'RL'],
  [flag.unauthorizedExternalService, 'UAEX'],
  [flag.rateLimitServiceError, 'RLSE'],
  [flag.downstreamConnectionTermination, 'DC'],
  [flag.upstreamRetryLimitExceeded, 'URX'],
  [flag.streamIdleTimeout, 'SI'],
  [flag.downstreamProtocolError, 'DPE'],
  [flag.upstreamMaxStreamDurationReached, 'UMSDR'],
  [flag.noFilterConfigFound, 'NFCF'],
  [flag.durationTimeout, 'DT'],
  [flag.upstreamProtocolError, 'UPE'],
  [flag.noClusterFound, 'NC'],
  [flag.overloadManager, 'OM'],
  [flag.dropOverload, 'DO'],
  [flag.downstreamRemoteReset, 'DR'],
];

const known = new Map<number, string>([[0, '-']]);

/** `UF,URX`; `-` for none. */
export function formatFlags(flags: number): string {
  let text = known.get(flags);
  if (text === undefined) {
    text = letters
      .filter(([bit]) => (flags & bit) !== 0)
      .map(([, short]) => short)
      .join(',');
    known.set(flags, text);
  }
  return text;
}
