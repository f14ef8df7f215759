import { messageOf, type Problem } from '@lateen/core';
import { rbacGate } from '../filter/rbac.ts';
import { placeWithin, type LimitPlace } from '../filter/rate-limit/limit-place.ts';
import { createTokenBucket } from '../filter/rate-limit/token-bucket.ts';
import { CounterGroup } from '../telemetry/counter-group.ts';
import type { ConnectionLimitStats } from '../telemetry/connection-limit-stats.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import { Deadline } from '../timer/deadline.ts';
import type { NetworkFilter } from '../model/network-filter.ts';
import type { Turn } from '../wire/turn.ts';
import type { Wire } from '../wire/wire.ts';
import type { ListenerContext, ServeConnection, ServedConnection } from './compiled-listener.ts';
import { flag } from '../telemetry/response-flags.ts';
import type { ConnectionInfo, ConnectionRefusal } from './connection-info.ts';
import { HeldConnection } from './held-connection.ts';

/** What a filter says of a new connection: refused, now or later, or let in with something to be done at its end. */
export type ConnectionGate = (connection: ConnectionInfo) => Refusal | Question | (() => void) | undefined;

/** Somebody has to be asked; `ask` answers with what gives the question up. */
interface Question {
  ask(decide: (allowed: boolean) => void): () => void;
  readonly because: ConnectionRefusal;
}

interface Refusal {
  /** 0: at once. */
  readonly refuseAfterMs: number;
  readonly because: ConnectionRefusal;
}

function atOnce(reason: string, details = '', flags = 0): Refusal {
  return { refuseAfterMs: 0, because: { flags, details, reason } };
}

/** The filter could not be compiled: nobody is let in. */
const notCompiled = atOnce('');

/** Compiles a network filter that only decides whether a connection is served; undefined for every other kind. */
export function compileGate(
  filter: NetworkFilter,
  context: ListenerContext,
  path: string,
  bad: Problem[],
): ConnectionGate | undefined {
  if (filter.kind === 'connection_limit') return limitGate(filter, context, path);
  if (filter.kind === 'local_rate_limit') return rateGate(filter, context, path);
  if (filter.kind === 'ext_authz') {
    try {
      return context.lazyFilters.connectionCheck.authorizationGate(filter.config, context);
    } catch (error) {
      bad.push({ path, message: messageOf(error) });
      return () => notCompiled;
    }
  }
  if (filter.kind !== 'rbac') return undefined;
  try {
    const judge = rbacGate(filter, context.filterServices.rbacReports('network', filter.statPrefix));
    return (connection) => {
      const denied = judge(connection);
      return denied === undefined ? undefined : atOnce('rbac_deny_close', denied);
    };
  } catch (error) {
    bad.push({ path, message: messageOf(error) });
    return () => notCompiled;
  }
}

/** Lets in as many connections at once as the filter allows. */
function limitGate(
  { maxConnections, delayMs, isEnabled, statPrefix }: NetworkFilter & { readonly kind: 'connection_limit' },
  { connectionLimitStats, filterServices }: ListenerContext,
  path: string,
): ConnectionGate {
  const stats: ConnectionLimitStats = connectionLimitStats(statPrefix);
  const refusal: Refusal = { ...atOnce('over_connection_limit'), refuseAfterMs: delayMs };
  const active = activeCount(placeWithin(filterServices.limits, path));
  return () => {
    if (isEnabled?.() === false) return undefined;
    if (active.change(1) > maxConnections) {
      active.change(-1);
      stats.limited++;
      return refusal;
    }
    stats.active++;
    return () => {
      active.change(-1);
      stats.active--;
    };
  };
}

/** Counts connections, at a place for all threads; `change` answers with how many there are then. */
function activeCount(place: LimitPlace | undefined): { change(by: 1 | -1): number } {
  const at = place?.cells.acquire(`connections ${place.owner}`);
  if (place !== undefined && at !== undefined) {
    const { cells } = place.cells;
    return { change: (by) => Atomics.add(cells, at, by) + by };
  }
  let active = 0;
  return { change: (by) => (active += by) };
}

/** Lets in as many new connections as the bucket has tokens for (Envoy, local rate limit network filter). */
function rateGate(
  filter: NetworkFilter & { readonly kind: 'local_rate_limit' },
  { clock, filterServices }: ListenerContext,
  path: string,
): ConnectionGate {
  const bucket = createTokenBucket(filter.bucket, clock, placeWithin(filterServices.limits, path));
  const prefix = `local_rate_limit.${filter.statPrefix}.`;
  const { n } = filterServices.statGroup(
    prefix,
    () =>
      new CounterGroup(
        prefix,
        'envoy_local_rate_limit_',
        { local_network_ratelimit_prefix: filter.statPrefix },
        ['rate_limited'],
      ),
  );
  // As Envoy, which has no flag of its own for it.
  const refusal = atOnce('local_ratelimit_close_over_limit', '', flag.upstreamRetryLimitExceeded);
  return () => {
    if (filter.isEnabled?.() === false || bucket.take()) return undefined;
    n.rate_limited++;
    return refusal;
  };
}

/** Serves what all gates let in; closes the rest, and reads nothing of it. Who would have served one logs why not. */
export function guarded(
  serve: ServeConnection,
  { logRefused, unserved }: Pick<ServeConnection, 'logRefused' | 'unserved'>,
  gates: readonly ConnectionGate[],
  timers: CoarseTimers,
  turn: Turn,
): ServeConnection {
  if (gates.length === 0) return Object.assign(serve, { unserved });
  const guard: ServeConnection = (wire: Wire, info, onClosed) => {
    const releases: (() => void)[] = [];
    const release = (): void => {
      for (const one of releases) one();
      if (info.refusal !== undefined) logRefused?.(info);
      onClosed();
    };
    const pass = (from: number): ServedConnection => {
      for (let at = from; at < gates.length; at++) {
        const verdict = gates[at]?.(info);
        if (typeof verdict === 'function') {
          releases.push(verdict);
        } else if (verdict !== undefined) {
          if ('ask' in verdict) return hold(wire, info, verdict, turn, release, () => pass(at + 1));
          info.refusal = verdict.because;
          refuse(wire, verdict.refuseAfterMs, timers, release);
          return { drain: () => wire.destroy() };
        }
      }
      return serve(wire, info, release);
    };
    return pass(0);
  };
  return Object.assign(guard, { unserved });
}

/** Keeps a connection until there is an answer; `next` is who has it then. */
function hold(
  wire: Wire,
  info: ConnectionInfo,
  question: Question,
  turn: Turn,
  onClosed: () => void,
  next: () => ServedConnection,
): ServedConnection {
  let served: ServedConnection | undefined;
  let answered = false;
  let giveUp: () => void = () => {};
  const held = new HeldConnection(wire, () => {
    if (!answered) giveUp();
    answered = true;
    onClosed();
  });
  const decide = (allowed: boolean): void => {
    if (answered) return;
    answered = true;
    if (!allowed) {
      info.refusal = question.because;
      wire.destroy();
      return;
    }
    served = next();
    held.release();
  };
  giveUp = question.ask((allowed) => {
    turn.enter();
    try {
      decide(allowed);
    } finally {
      turn.leave();
    }
  });
  return { drain: () => (served === undefined ? wire.destroy() : served.drain()) };
}

function refuse(wire: Wire, afterMs: number, timers: CoarseTimers, onClosed: () => void): void {
  const deadline = new Deadline(() => wire.destroy());
  wire.handler = {
    onBytes() {},
    onEnd() {},
    onDrain() {},
    onClose() {
      timers.stop(deadline);
      onClosed();
    },
  };
  if (afterMs === 0) {
    wire.destroy();
    return;
  }
  wire.pause();
  timers.start(deadline, afterMs);
}
