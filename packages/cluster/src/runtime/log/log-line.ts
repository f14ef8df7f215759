/** One line of a container's log, as the kubelet keeps it: `TIME STREAM TAG TEXT`. */
export interface LogLine {
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
  readonly stream: 'stdout' | 'stderr';
  /** The text goes on in the next line of the same stream. */
  readonly partial: boolean;
  readonly text: string;
}

export function formatLogLine(line: LogLine): string {
  return `${line.time} ${line.stream} ${line.partial ? 'P' : 'F'} ${line.text}\n`;
}

export function parseLogLine(text: string): LogLine | undefined {
  const afterTime = text.indexOf(' ');
  const afterStream = text.indexOf(' ', afterTime + 1);
  const afterTag = text.indexOf(' ', afterStream + 1);
  if (afterTime === -1 || afterStream === -1 || afterTag === -1) return undefined;
  const stream = text.slice(afterTime + 1, afterStream);
  if (stream !== 'stdout' && stream !== 'stderr') return undefined;
  return {
    time: text.slice(0, afterTime),
    stream,
    partial: text.slice(afterStream + 1, afterTag) === 'P',
    text: text.slice(afterTag + 1),
  };
}

/** A moment in the log's format. */
export function logTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000000Z');
}
