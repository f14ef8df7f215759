import { ok, problem, type Result } from '@lateen/core';
import type { Operator } from './format-operator.ts';
import type { StreamInfo } from './stream-info.ts';

/** A point in the life of a request, in milliseconds since its start; undefined where it did not come to that. */
type TimePoint = (info: StreamInfo) => number | undefined;

const atEnd: TimePoint = (info) => (info.response === undefined ? undefined : info.durationMs);
/** Of filters, of which none here sets any. */
const unmeasured: TimePoint = () => undefined;

/**
 * The points of `%COMMON_DURATION%`. An answer goes on in the turn in which it comes: its end is the same on both sides.
 */
const timePoints: Readonly<Record<string, TimePoint>> = {
  DS_RX_BEG: () => 0,
  DS_RX_END: (info) => info.requestDurationMs,
  US_CX_BEG: (info) => info.connectTimes?.beginMs,
  US_CX_END: (info) => info.connectTimes?.connectedMs,
  US_HS_END: (info) => info.connectTimes?.securedMs,
  US_TX_BEG: (info) => info.upstreamReadyMs,
  US_TX_END({ upstreamReadyMs, requestDurationMs }) {
    if (upstreamReadyMs === undefined || requestDurationMs === undefined) return undefined;
    return Math.max(upstreamReadyMs, requestDurationMs);
  },
  US_RX_BEG: (info) => (info.details === 'via_upstream' ? info.responseDurationMs : undefined),
  US_RX_BODY_BEG: (info) => (info.details === 'via_upstream' ? info.bodyBeginMs : undefined),
  US_RX_END: (info) => (info.details === 'via_upstream' ? info.durationMs : undefined),
  DS_TX_BEG: (info) => info.responseDurationMs,
  DS_TX_END: atEnd,
};

const nanoseconds: Readonly<Record<string, number>> = { ms: 1_000_000, us: 1_000, ns: 1 };

/**
 * `%COMMON_DURATION(START:END:PRECISION)%` (Envoy, "Command Operators"); milliseconds without a precision. Other names of points are those that filters set,
 * of which there are none here: they are never reached.
 */
export function durationOperator(argument: string): Result<Operator> {
  const [start = '', end = '', precision = 'ms', ...more] = argument.split(':');
  const unit = nanoseconds[precision];
  if (start === '' || end === '' || unit === undefined || more.length > 0)
    return problem('', `%COMMON_DURATION(${argument})%: what is meant is START:END, and :ms, :us or :ns`);
  const from = timePoints[start] ?? unmeasured;
  const to = timePoints[end] ?? unmeasured;
  return ok((info) => {
    // As Envoy: of requests only.
    if (info.request === undefined) return undefined;
    const fromMs = from(info);
    const toMs = to(info);
    if (fromMs === undefined || toMs === undefined) return undefined;
    // As Envoy: what is less than a unit is cut off.
    return Math.trunc(Math.round((toMs - fromMs) * 1_000_000) / unit);
  });
}
