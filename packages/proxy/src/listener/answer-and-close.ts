import type { CoarseTimers } from '../timer/coarse-timers.ts';
import type { Deadline } from '../timer/deadline.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import { endAndClose } from './end-and-close.ts';

/** Sends all of `body` and closes the connection, whether the client does or not (Envoy, `direct_response`). */
export function answerAndClose(
  wire: Wire,
  body: Uint8Array,
  timers: CoarseTimers,
  onClosed: WireHandler['onClose'],
): void {
  let lingering: Deadline | undefined;
  wire.handler = {
    onBytes() {},
    onEnd() {},
    onDrain() {},
    onClose(error) {
      if (lingering !== undefined) timers.stop(lingering);
      onClosed(error);
    },
  };
  wire.write(body, 0, body.length);
  lingering = endAndClose(wire, timers);
}
