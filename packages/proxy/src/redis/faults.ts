import type { RedisFault } from '../model/redis.ts';

/** The fault that meets a command, if any: of those that name it before those of all, by their shares of one draw. */
export function drawFault(
  faults: readonly RedisFault[],
  command: string,
  random: () => number,
): RedisFault | undefined {
  if (faults.length === 0) return undefined;
  const draw = random();
  const named = faults.filter(({ commands }) => commands.includes(command));
  const candidates = named.length > 0 ? named : faults.filter(({ commands }) => commands.length === 0);
  let upTo = 0;
  for (const fault of candidates) {
    upTo += fault.fraction.numerator / fault.fraction.denominator;
    if (draw < upTo) return fault;
  }
  return undefined;
}
