import type { KubeObject } from '@lateen/kube';

/**
 * A length of time as kubectl shows it: two units at most, the second only while it matters
 * (`59s`, `2m5s`, `14m`, `3h20m`, `9h`, `2d4h`, `12d`, `1y20d`).
 */
export function durationText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return pair(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return days < 2920 ? pair(years, 'y', days % 365, 'd') : `${years}y`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}

/** Time since an RFC 3339 instant; `<unknown>` where there is none. */
export function sinceText(time: unknown, nowMs: number): string {
  if (typeof time !== 'string') return '<unknown>';
  const at = Date.parse(time);
  return Number.isNaN(at) ? '<unknown>' : durationText(nowMs - at);
}

/** The AGE of an object. */
export function ageOf(object: KubeObject, nowMs: number): string {
  return sinceText(object.metadata.creationTimestamp, nowMs);
}
