function pad(value: number, width: number, fill = '0'): string {
  return String(value).padStart(width, fill);
}

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = 'January February March April May June July August September October November December'.split(
  ' ',
);

function dayOfYear(date: Date): number {
  const midnight = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  return (midnight - Date.UTC(date.getUTCFullYear(), 0, 1)) / 86_400_000 + 1;
}

/** From 1 to 12. */
function hourOfHalf(date: Date): number {
  return date.getUTCHours() % 12 || 12;
}

/** What the conversions of `strftime` stand for in the C locale. */
const conversions: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getUTCFullYear()),
  C: (date) => pad(Math.floor(date.getUTCFullYear() / 100), 2),
  y: (date) => pad(date.getUTCFullYear() % 100, 2),
  m: (date) => pad(date.getUTCMonth() + 1, 2),
  B: (date) => months[date.getUTCMonth()] ?? '',
  b: (date) => (months[date.getUTCMonth()] ?? '').slice(0, 3),
  h: (date) => (months[date.getUTCMonth()] ?? '').slice(0, 3),
  d: (date) => pad(date.getUTCDate(), 2),
  e: (date) => pad(date.getUTCDate(), 2, ' '),
  j: (date) => pad(dayOfYear(date), 3),
  A: (date) => days[date.getUTCDay()] ?? '',
  a: (date) => (days[date.getUTCDay()] ?? '').slice(0, 3),
  w: (date) => String(date.getUTCDay()),
  u: (date) => String(date.getUTCDay() || 7),
  H: (date) => pad(date.getUTCHours(), 2),
  k: (date) => pad(date.getUTCHours(), 2, ' '),
  I: (date) => pad(hourOfHalf(date), 2),
  l: (date) => pad(hourOfHalf(date), 2, ' '),
  p: (date) => (date.getUTCHours() < 12 ? 'AM' : 'PM'),
  M: (date) => pad(date.getUTCMinutes(), 2),
  S: (date) => pad(date.getUTCSeconds(), 2),
  F: (date) => date.toISOString().slice(0, 10),
  D: (date) => formatTime(date.getTime(), '%m/%d/%y'),
  x: (date) => formatTime(date.getTime(), '%m/%d/%y'),
  T: (date) => date.toISOString().slice(11, 19),
  X: (date) => date.toISOString().slice(11, 19),
  R: (date) => date.toISOString().slice(11, 16),
  r: (date) => formatTime(date.getTime(), '%I:%M:%S %p'),
  c: (date) => formatTime(date.getTime(), '%a %b %e %T %Y'),
  n: () => '\n',
  t: () => '\t',
  '%': () => '%',
};

/** `+0130` of 90 minutes. */
function offsetText(minutes: number): string {
  const size = Math.abs(minutes);
  return `${minutes < 0 ? '-' : '+'}${pad(Math.floor(size / 60), 2)}${pad(size % 60, 2)}`;
}

/**
 * Formats a time as `strftime` does; `%3f` are fractions of a second, `%s` seconds since the epoch. In UTC, or so many
 * minutes before it. What is no conversion stays as it is.
 */
export function formatTime(wallMs: number, format: string, offsetMinutes = 0): string {
  const date = new Date(wallMs + offsetMinutes * 60_000);
  return format.replace(/%([1-9]?f|[a-zA-Z%])/g, (all, code: string) => {
    switch (code) {
      case 's':
        return String(Math.floor(wallMs / 1000));
      case 'z':
        return offsetText(offsetMinutes);
      case 'Z':
        // Names of zones are not known; an offset is as good.
        return offsetMinutes === 0 ? 'UTC' : offsetText(offsetMinutes);
      default:
    }
    if (!code.endsWith('f')) return conversions[code]?.(date) ?? all;
    const digits = code === 'f' ? 9 : Number(code[0]);
    return pad(Math.floor(wallMs % 1000), 3)
      .padEnd(9, '0')
      .slice(0, digits);
  });
}
