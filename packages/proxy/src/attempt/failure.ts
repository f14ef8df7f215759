import { isTlsError } from '../cluster/connect-error.ts';
import { flag } from '../telemetry/response-flags.ts';
import type { AttemptFailure } from '../route/retry-policy.ts';
import type { AttemptOutcome } from './attempt.ts';

/** What the client is told, and what is recorded, when no attempt brought an answer. */
export interface FailureReport {
  readonly status: number;
  readonly flag: number;
  /** Envoy's words for the reason, part of the body. */
  readonly reason: string;
  /** How a retry policy sees it; undefined: never tried again. */
  readonly failure: AttemptFailure | undefined;
}

const overloaded: FailureReport = {
  status: 503,
  flag: flag.upstreamOverflow,
  reason: 'overflow',
  failure: undefined,
};

/** Envoy's statuses, flags and words (`Filter::streamResetReasonToResponseFlag`, `CodeUtility`). */
export const failureReports: Readonly<Record<AttemptOutcome, FailureReport>> = {
  overflow: overloaded,
  pending_overflow: overloaded,
  connection_failure: {
    status: 503,
    flag: flag.upstreamConnectionFailure,
    reason: 'remote connection failure',
    failure: 'connect_failure',
  },
  connect_timeout: {
    status: 503,
    flag: flag.upstreamConnectionFailure,
    reason: 'connection timeout',
    failure: 'connect_failure',
  },
  connection_closed: {
    status: 503,
    flag: flag.upstreamConnectionTermination,
    reason: 'connection termination',
    failure: 'reset',
  },
  remote_reset: { status: 503, flag: flag.upstreamRemoteReset, reason: 'remote reset', failure: 'reset' },
  refused: {
    status: 503,
    flag: flag.upstreamRemoteReset,
    reason: 'remote refused stream reset',
    failure: 'refused',
  },
  protocol_error: {
    status: 502,
    flag: flag.upstreamProtocolError,
    reason: 'protocol error',
    failure: 'reset',
  },
  local_reset: { status: 503, flag: flag.localReset, reason: 'local reset', failure: undefined },
  per_try_timeout: {
    status: 504,
    flag: flag.upstreamRequestTimeout,
    reason: 'upstream request timeout',
    failure: 'per_try_timeout',
  },
  per_try_idle_timeout: {
    status: 504,
    flag: flag.upstreamRequestTimeout | flag.streamIdleTimeout,
    reason: 'upstream request timeout',
    failure: 'per_try_timeout',
  },
  max_stream_duration: {
    status: 504,
    flag: flag.upstreamMaxStreamDurationReached,
    reason: 'upstream max stream duration reached',
    failure: 'reset',
  },
};

/** Envoy's details where they do not name the reason of a reset. */
const ownDetails: Readonly<Partial<Record<AttemptOutcome, string>>> = {
  per_try_timeout: 'upstream_per_try_timeout',
  per_try_idle_timeout: 'upstream_per_try_idle_timeout',
  max_stream_duration: 'upstream_max_stream_duration_reached',
};

/**
 * Why the connection could not be made, or how TLS broke it: with TLS 1.3 a server refuses our certificate after
 * our part of the handshake. Empty for every other failure.
 */
export function transportFailure(outcome: AttemptOutcome, detail: string): string {
  const isOfTransport =
    outcome === 'connection_failure' || (outcome === 'connection_closed' && isTlsError(detail));
  return isOfTransport ? detail : '';
}

/** Envoy's response code details. */
export function failureDetails(
  outcome: AttemptOutcome,
  transport: string,
  when: 'before_response_started' | 'after_response_started',
): string {
  const { reason } = failureReports[outcome];
  const because = transport === '' ? reason : `${reason}|${transport}`;
  return ownDetails[outcome] ?? `upstream_reset_${when}{${because.replaceAll(' ', '_')}}`;
}

/**
 * The body of the answer. It does not say why a connection could not be made: what is wrong with the certificate of
 * an endpoint is for the log, not for whoever asks (Envoy 1.38).
 */
export function failureBody(outcome: AttemptOutcome, retried: boolean): string {
  const { reason } = failureReports[outcome];
  if (outcome in ownDetails) return reason;
  const latest = retried ? 'retried and the latest reset reason' : 'reset reason';
  return `upstream connect error or disconnect/reset before headers. ${latest}: ${reason}`;
}

const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

/**
 * True where the endpoint may have closed an idle connection just as a request without a body was sent on it, and the
 * method is one that a server may see twice (RFC 9110 section 9.2.2).
 */
export function mayHaveRaced(
  attempt: { readonly reusedConnection: boolean; readonly headReceived: boolean },
  method: string,
): boolean {
  return attempt.reusedConnection && !attempt.headReceived && idempotentMethods.has(method);
}
