import type { Fraction } from '../model/string-match.ts';
import type { TraceSampling } from '../model/tracing.ts';

/** Why a request is traced, or is not. */
export type TraceReason = 'not_traceable' | 'sampling' | 'service_forced' | 'client_forced';

const uuidLength = 36;
/** The version digit of a UUID, where Envoy writes the decision. */
export const reasonAt = 14;

const reasons: Readonly<Record<string, TraceReason>> = {
  '9': 'sampling',
  a: 'service_forced',
  b: 'client_forced',
};
const digits: Readonly<Record<TraceReason, string>> = {
  not_traceable: '4',
  sampling: '9',
  service_forced: 'a',
  client_forced: 'b',
};

/** The decision that a request id carries. */
export function reasonOfId(id: string): TraceReason {
  if (id.length !== uuidLength) return 'not_traceable';
  return reasons[id[reasonAt] as string] ?? 'not_traceable';
}

/** The id with another decision; one that is no UUID stays as it is. */
export function withReason(id: string, reason: TraceReason): string {
  if (id.length !== uuidLength) return id;
  return id.slice(0, reasonAt) + digits[reason] + id.slice(reasonAt + 1);
}

/** The number in [0, 10000) by which an id is sampled; undefined for one that is no UUID. */
export function drawOfId(id: string): number | undefined {
  if (id.length !== uuidLength) return undefined;
  const number = Number.parseInt(id.slice(0, 8), 16);
  return Number.isNaN(number) || !/^[0-9a-f]{8}/i.test(id) ? undefined : number % 10_000;
}

/** What is asked of the request's headers. */
export interface TraceWish {
  readonly hasClientTraceId: boolean;
  readonly forced: boolean;
}

/**
 * Whether a request is traced, and why: what another proxy has decided holds; then who asks for it; then the share that
 * is sampled, by the id, so that proxies without the id's digit come to the same. Source: Envoy, "Tracing", "Trace context
 * propagation" and `mutateTracingRequestHeader`.
 */
export function decideTrace(
  id: string | undefined,
  wish: TraceWish,
  sampling: TraceSampling,
  random: () => number,
  carriesReason = true,
): TraceReason {
  const draw = id === undefined ? undefined : drawOfId(id);
  if (id === undefined || draw === undefined) return 'not_traceable';
  let reason = carriesReason ? reasonOfId(id) : 'not_traceable';
  if (reason === 'not_traceable') {
    const { client } = sampling;
    if (wish.hasClientTraceId && takes(client, Math.floor(random() * client.denominator)))
      reason = 'client_forced';
    else if (wish.forced) reason = 'service_forced';
    else if (takes(sampling.random, draw)) reason = 'sampling';
  }
  return reason !== 'not_traceable' && takes(sampling.overall, draw) ? reason : 'not_traceable';
}

function takes({ numerator, denominator }: Fraction, draw: number): boolean {
  return draw % denominator < numerator;
}
