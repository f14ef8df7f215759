const unitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

const whole = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+|0)$/;
const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g;

/**
 * Milliseconds of a duration text as Istio reads it: Go's form, so `7s`, `1.5h`, `1m30s`, `250ms`.
 *
 * Undefined where the text is not a duration.
 */
export function parseDuration(duration: string): number | undefined {
  const match = whole.exec(duration);
  if (match === null) return undefined;
  let totalMs = 0;
  for (const [, amount, unit] of (match[2] ?? '').matchAll(part)) {
    totalMs += Number(amount) * (unitsMs[unit ?? ''] ?? 0);
  }
  return match[1] === '-' ? -totalMs : totalMs;
}

/** Milliseconds of a duration text that was validated before; `absent` where there is none. */
export function durationMs<A>(duration: string | undefined, absent: A): number | A {
  return duration === undefined ? absent : (parseDuration(duration) ?? absent);
}
