function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/** Formats a time as `strftime` does; `%3f` are fractions of a second, `%s` seconds since the epoch. Always UTC. */
export function formatTime(wallMs: number, format: string): string {
  const date = new Date(wallMs);
  return format.replace(/%([1-9]?f|[a-zA-Z%])/g, (all, code: string) => {
    if (code.endsWith('f')) {
      const digits = code === 'f' ? 9 : Number(code[0]);
      return pad(Math.floor(wallMs % 1000), 3)
        .padEnd(9, '0')
        .slice(0, digits);
    }
    switch (code) {
      case 'Y':
        return String(date.getUTCFullYear());
      case 'y':
        return pad(date.getUTCFullYear() % 100, 2);
      case 'm':
        return pad(date.getUTCMonth() + 1, 2);
      case 'd':
        return pad(date.getUTCDate(), 2);
      case 'H':
        return pad(date.getUTCHours(), 2);
      case 'M':
        return pad(date.getUTCMinutes(), 2);
      case 'S':
        return pad(date.getUTCSeconds(), 2);
      case 'F':
        return date.toISOString().slice(0, 10);
      case 'T':
        return date.toISOString().slice(11, 19);
      case 'Z':
        return 'UTC';
      case 'z':
        return '+0000';
      case 's':
        return String(Math.floor(wallMs / 1000));
      case 'b':
        return date.toUTCString().slice(8, 11);
      case 'a':
        return date.toUTCString().slice(0, 3);
      case '%':
        return '%';
      default:
        return all;
    }
  });
}
