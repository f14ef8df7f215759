import type { WireHandler } from './wire.ts';

/** Takes what arrives before somebody is responsible. */
export const deafHandler: WireHandler = {
  onBytes() {},
  onEnd() {},
  onDrain() {},
  onClose() {},
};
