import type { Readable } from 'node:stream';

/** What handling a line threw, told apart from what went wrong with the stream. */
export class LineError extends Error {
  constructor(cause: unknown) {
    super('a line could not be handled', { cause });
    this.name = 'LineError';
  }
}

/**
 * Reads UTF-8 text line by line and destroys the stream in the end; resolves when it ends or `signal` is
 * aborted. Rejects with the stream's error, or with a {@link LineError} where `onLine` throws. Empty lines are
 * passed over; a last line without an end is not a line.
 */
export function readLines(
  stream: Readable,
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let pending: string[] = [];
    stream.setEncoding('utf8');
    const finish = (settle: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      stream.removeAllListeners('data');
      stream.destroy();
      settle();
    };
    const onAbort = (): void => finish(resolve);
    const onText = (text: string): void => {
      let from = 0;
      for (;;) {
        const end = text.indexOf('\n', from);
        if (end === -1) break;
        pending.push(text.slice(from, end));
        const line = pending.length === 1 ? (pending[0] ?? '') : pending.join('');
        pending = [];
        from = end + 1;
        if (signal.aborted) return;
        if (line.trim() !== '') onLine(line);
      }
      if (from < text.length) pending.push(text.slice(from));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    stream.on('data', (text: string) => {
      try {
        onText(text);
      } catch (error) {
        finish(() => reject(new LineError(error)));
      }
    });
    stream.once('end', () => finish(resolve));
    stream.on('error', (error) => finish(() => (signal.aborted ? resolve() : reject(error))));
    if (signal.aborted) onAbort();
  });
}
