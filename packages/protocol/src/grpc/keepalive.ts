import type { Http2Session } from 'node:http2';
import type { Clock, Timer } from '@lateen/core';
import { GrpcError } from './status.ts';

/** Pings the peer each period, until the session closes; 0: never. Destroys the session of a dead peer. */
export function keepAlive(session: Http2Session, clock: Clock, periodMs: number, limitMs: number): void {
  if (periodMs === 0) return;
  const timer: Timer = clock.every(periodMs, () => pingOrDestroy(session, clock, limitMs));
  session.once('close', () => timer.cancel());
}

/** Pings the peer and destroys the session when no answer comes within the limit. */
function pingOrDestroy(session: Http2Session, clock: Clock, limitMs: number): void {
  if (session.destroyed) return;
  const limit = clock.after(limitMs, () => {
    session.destroy(new GrpcError('UNAVAILABLE', 'the peer does not answer pings'));
  });
  const sent = session.ping(() => limit.cancel());
  if (!sent) limit.cancel();
}
