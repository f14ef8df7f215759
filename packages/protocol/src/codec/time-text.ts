/** Seconds and nanoseconds of a Duration or Timestamp. */
export interface SecondsAndNanos {
  readonly seconds: number;
  readonly nanos: number;
}

/** Splits a duration; both parts have its sign, as protobuf asks. */
export function durationParts(ms: number): SecondsAndNanos {
  let seconds = Math.trunc(ms / 1000);
  let nanos = Math.round((ms - seconds * 1000) * 1e6);
  if (Math.abs(nanos) >= 1e9) {
    seconds += Math.sign(nanos);
    nanos = 0;
  }
  return { seconds: seconds + 0, nanos: nanos + 0 };
}

/** Splits a time; nanoseconds count forward, as protobuf asks. */
export function timestampParts(ms: number): SecondsAndNanos {
  let seconds = Math.floor(ms / 1000);
  let nanos = Math.round((ms - seconds * 1000) * 1e6);
  if (nanos >= 1e9) {
    seconds += 1;
    nanos = 0;
  }
  return { seconds, nanos };
}

function fraction(nanos: number): string {
  if (nanos === 0) return '';
  const digits = String(nanos).padStart(9, '0');
  if (nanos % 1e6 === 0) return `.${digits.slice(0, 3)}`;
  return nanos % 1e3 === 0 ? `.${digits.slice(0, 6)}` : `.${digits}`;
}

/** `1.500s`, with 0, 3, 6 or 9 digits as protobuf's JSON writes it. */
export function formatDuration(ms: number): string {
  const { seconds, nanos } = durationParts(ms);
  return `${ms < 0 ? '-' : ''}${Math.abs(seconds)}${fraction(Math.abs(nanos))}s`;
}

/** Milliseconds of `1.5s`; undefined where the text is not a duration of protobuf's JSON. */
export function parseDuration(text: string): number | undefined {
  const match = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(text);
  if (match === null) return undefined;
  const [, sign, seconds, digits = ''] = match;
  const ms = Number(seconds) * 1000 + Number(digits.padEnd(9, '0')) / 1e6;
  if (Number(seconds) > 315_576_000_000) return undefined;
  return sign === '-' ? -ms : ms;
}

const minTimestampMs = -62_135_596_800_000;
/** The first millisecond of the year 10000. */
const endTimestampMs = 253_402_300_800_000;

/** RFC 3339 in UTC; undefined beyond the years 1 to 9999. */
export function formatTimestamp(ms: number): string | undefined {
  if (!(ms >= minTimestampMs && ms < endTimestampMs)) return undefined;
  const { seconds, nanos } = timestampParts(ms);
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}${fraction(nanos)}Z`;
}

/** Milliseconds since the epoch of an RFC 3339 time; undefined where the text is not one. */
export function parseTimestamp(text: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return undefined;
  const [, whole = '', digits = '', zone = ''] = match;
  const ms = Date.parse(whole + zone);
  if (Number.isNaN(ms)) return undefined;
  const exact = ms + Number(digits.padEnd(9, '0')) / 1e6;
  return exact >= minTimestampMs && exact < endTimestampMs ? exact : undefined;
}
