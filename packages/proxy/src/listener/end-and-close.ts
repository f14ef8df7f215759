import type { CoarseTimers } from '../timer/coarse-timers.ts';
import { Deadline } from '../timer/deadline.ts';
import type { Wire } from '../wire/wire.ts';

/** How long a client may take to hear that the connection ends: closed at once, what it sends could undo the answer. */
const lingerMs = 1_000;

/** Ends a connection after what waits to be sent, and closes it whether the client does or not; to be stopped at its close. */
export function endAndClose(wire: Wire, timers: CoarseTimers): Deadline {
  const lingering = new Deadline(() => {
    // As long as the client reads, however slowly, it gets everything.
    if (wire.pendingBytes > 0) timers.start(lingering, lingerMs);
    else wire.destroy();
  });
  wire.end();
  timers.start(lingering, lingerMs);
  return lingering;
}
