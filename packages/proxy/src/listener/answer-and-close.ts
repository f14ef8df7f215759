import type { CoarseTimers } from '../timer/coarse-timers.ts';
import { Deadline } from '../timer/deadline.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';

/** How long a client may take to hear that the connection ends: closed at once, what it sends could undo the answer. */
const lingerMs = 1_000;

/** Sends all of `body` and closes the connection, whether the client does or not (Envoy, `direct_response`). */
export function answerAndClose(
  wire: Wire,
  body: Uint8Array,
  timers: CoarseTimers,
  onClosed: WireHandler['onClose'],
): void {
  const lingering = new Deadline(() => {
    // As long as the client reads, however slowly, it gets everything.
    if (wire.pendingBytes > 0) timers.start(lingering, lingerMs);
    else wire.destroy();
  });
  wire.handler = {
    onBytes() {},
    onEnd() {},
    onDrain() {},
    onClose(error) {
      timers.stop(lingering);
      onClosed(error);
    },
  };
  wire.write(body, 0, body.length);
  wire.end();
  timers.start(lingering, lingerMs);
}
