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
  invalidEnvoyRequestHeaders: 1 << 26,
  /** Of a TCP connection: Envoy's flag is that of requests, but comes after the failure of the last try. */
  connectAttemptsExceeded: 1 << 27,
} as const;

/** Bit, letters, name in full, in the order in which they come to a request: that is how Envoy lists them. */
const letters: readonly (readonly [number, string, string])[] = [
  [flag.failedLocalHealthCheck, 'LH', 'FailedLocalHealthCheck'],
  [flag.delayInjected, 'DI', 'DelayInjected'],
  [flag.faultInjected, 'FI', 'FaultInjected'],
  [flag.upstreamRetryLimitExceeded, 'URX', 'UpstreamRetryLimitExceeded'],
  [flag.upstreamOverflow, 'UO', 'UpstreamOverflow'],
  [flag.noHealthyUpstream, 'UH', 'NoHealthyUpstream'],
  [flag.upstreamRequestTimeout, 'UT', 'UpstreamRequestTimeout'],
  [flag.localReset, 'LR', 'LocalReset'],
  [flag.upstreamRemoteReset, 'UR', 'UpstreamRemoteReset'],
  [flag.upstreamConnectionFailure, 'UF', 'UpstreamConnectionFailure'],
  [flag.upstreamConnectionTermination, 'UC', 'UpstreamConnectionTermination'],
  [flag.noRouteFound, 'NR', 'NoRouteFound'],
  [flag.rateLimited, 'RL', 'RateLimited'],
  [flag.unauthorizedExternalService, 'UAEX', 'UnauthorizedExternalService'],
  [flag.rateLimitServiceError, 'RLSE', 'RateLimitServiceError'],
  [flag.downstreamConnectionTermination, 'DC', 'DownstreamConnectionTermination'],
  [flag.connectAttemptsExceeded, 'URX', 'UpstreamRetryLimitExceeded'],
  [flag.invalidEnvoyRequestHeaders, 'IH', 'InvalidEnvoyRequestHeaders'],
  [flag.streamIdleTimeout, 'SI', 'StreamIdleTimeout'],
  [flag.downstreamProtocolError, 'DPE', 'DownstreamProtocolError'],
  [flag.upstreamMaxStreamDurationReached, 'UMSDR', 'UpstreamMaxStreamDurationReached'],
  [flag.noFilterConfigFound, 'NFCF', 'NoFilterConfigFound'],
  [flag.durationTimeout, 'DT', 'DurationTimeout'],
  [flag.upstreamProtocolError, 'UPE', 'UpstreamProtocolError'],
  [flag.noClusterFound, 'NC', 'NoClusterFound'],
  [flag.overloadManager, 'OM', 'OverloadManagerTerminated'],
  [flag.dropOverload, 'DO', 'DropOverLoad'],
  [flag.downstreamRemoteReset, 'DR', 'DownstreamRemoteReset'],
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

/** `UpstreamConnectionFailure,UpstreamRetryLimitExceeded`; `-` for none. */
export function formatLongFlags(flags: number): string {
  if (flags === 0) return '-';
  return letters
    .filter(([bit]) => (flags & bit) !== 0)
    .map(([, , long]) => long)
    .join(',');
}

/** Whether any of these letters is among the flags; where no letters are given, whether there is any flag. */
export function flagTest(wanted: readonly string[]): (flags: number) => boolean {
  if (wanted.length === 0) return (flags) => flags !== 0;
  const mask = letters.reduce((sum, [bit, short]) => (wanted.includes(short) ? sum | bit : sum), 0);
  return (flags) => (flags & mask) !== 0;
}
