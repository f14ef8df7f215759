import type { Report } from '../schema/check-shape.ts';
import { parseDuration } from '../schema/duration.ts';

/** Reports a duration of less than a millisecond, or with a fraction of one. */
export function checkDuration(duration: string | undefined, path: string, report: Report): void {
  if (duration === undefined) return;
  const ms = parseDuration(duration) ?? 0;
  if (ms < 1) report(path, `must be at least 1ms, not ${duration}`);
  else if (!Number.isInteger(ms)) report(path, `must be a whole number of milliseconds, not ${duration}`);
}
