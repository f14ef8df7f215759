import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { Clock } from '@lateen/core';
import type { LogOptions } from '../node-agent.ts';
import { formatLogLine, logTime, parseLogLine, type LogLine } from './log-line.ts';

/** A file is put aside when it has this size, and the one put aside before is dropped. */
const maxFileBytes = 10 * 1024 * 1024;

/** Longer lines are kept in parts. */
const maxLineChars = 16 * 1024;

/** A reader that follows and lags by more than this is cut off. */
const maxFollowerLag = 16 * 1024 * 1024;

class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';

  /** Whole lines (and full parts of long ones) of what came in. */
  *push(chunk: Buffer): Generator<{ text: string; partial: boolean }> {
    this.#rest += this.#decoder.write(chunk);
    let start = 0;
    for (let end = this.#rest.indexOf('\n'); end !== -1; end = this.#rest.indexOf('\n', start)) {
      yield* this.#parts(this.#rest.slice(start, end));
      start = end + 1;
    }
    this.#rest = this.#rest.slice(start);
    while (this.#rest.length > maxLineChars) {
      yield { text: this.#rest.slice(0, maxLineChars), partial: true };
      this.#rest = this.#rest.slice(maxLineChars);
    }
  }

  *end(): Generator<{ text: string; partial: boolean }> {
    const rest = this.#rest + this.#decoder.end();
    this.#rest = '';
    if (rest !== '') yield { text: rest, partial: true };
  }

  *#parts(line: string): Generator<{ text: string; partial: boolean }> {
    let rest = line;
    for (; rest.length > maxLineChars; rest = rest.slice(maxLineChars)) {
      yield { text: rest.slice(0, maxLineChars), partial: true };
    }
    yield { text: rest, partial: false };
  }
}

/**
 * The log of one run of a container, on disk, in two files of at most 10 MiB.
 *
 * Writes are synchronous, so that a reader that first reads the files and then listens misses nothing.
 */
export class ContainerLog {
  readonly #file: string;
  readonly #clock: Clock;
  readonly #splitters = { stdout: new LineSplitter(), stderr: new LineSplitter() };
  readonly #followers = new Set<(lines: readonly LogLine[]) => void>();
  readonly #endings = new Set<() => void>();
  #fd: number;
  #size = 0;
  #ended = false;

  constructor(file: string, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
    mkdirSync(dirname(file), { recursive: true });
    this.#fd = openSync(file, 'w', 0o600);
  }

  write(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this.#append(stream, this.#splitters[stream].push(chunk));
  }

  /** To be called when the container has ended: what follows the log ends too. */
  end(): void {
    if (this.#ended) return;
    for (const stream of ['stdout', 'stderr'] as const) this.#append(stream, this.#splitters[stream].end());
    this.#ended = true;
    closeSync(this.#fd);
    for (const ending of this.#endings) ending();
  }

  /** The log as `kubectl logs` shows it. */
  read(options: LogOptions): Readable {
    let lines = this.#kept();
    const { sinceMs, tailLines } = options;
    if (sinceMs !== undefined) lines = lines.filter((line) => Date.parse(line.time) >= sinceMs);
    if (tailLines !== undefined) lines = tailLines === 0 ? [] : lines.slice(-tailLines);
    let left = options.limitBytes ?? Number.POSITIVE_INFINITY;
    const show = (line: LogLine): Buffer => {
      const prefix = options.timestamps ? `${line.time} ` : '';
      const bytes = Buffer.from(prefix + line.text + (line.partial ? '' : '\n')).subarray(0, left);
      left -= bytes.length;
      return bytes;
    };
    const first = Buffer.concat(lines.map(show));
    const following = options.follow && !this.#ended && left > 0;
    const follow = (more: readonly LogLine[]): void => {
      readable.push(Buffer.concat(more.map(show)));
      if (left <= 0) end();
      else if (readable.readableLength > maxFollowerLag) readable.destroy();
    };
    const forget = (): void => {
      this.#followers.delete(follow);
      this.#endings.delete(end);
    };
    const end = (): void => {
      forget();
      readable.push(null);
    };
    const readable = new Readable({
      read() {},
      destroy(error, done) {
        forget();
        done(error);
      },
    });
    if (first.length > 0) readable.push(first);
    if (following) {
      this.#followers.add(follow);
      this.#endings.add(end);
    } else readable.push(null);
    return readable;
  }

  /** The last lines, for a termination message. */
  tail(lines: number, maxChars: number): string {
    return this.#kept()
      .slice(-lines)
      .map((line) => `${line.text}\n`)
      .join('')
      .slice(-maxChars);
  }

  #kept(): LogLine[] {
    const texts = [`${this.#file}.1`, this.#file].map((file) =>
      existsSync(file) ? readFileSync(file, 'utf8') : '',
    );
    return texts
      .join('')
      .split('\n')
      .map(parseLogLine)
      .filter((line) => line !== undefined);
  }

  #append(stream: 'stdout' | 'stderr', parts: Iterable<{ text: string; partial: boolean }>): void {
    if (this.#ended) return;
    const time = logTime(this.#clock.now());
    const lines: LogLine[] = [];
    let text = '';
    for (const part of parts) {
      const line = { time, stream, ...part };
      lines.push(line);
      text += formatLogLine(line);
    }
    if (lines.length === 0) return;
    const bytes = Buffer.from(text);
    try {
      if (this.#size + bytes.length > maxFileBytes) this.#rotate();
      this.#size += writeSync(this.#fd, bytes);
    } catch {
      // What a full disk has no room for is lost to later readers; the container goes on.
    }
    for (const follower of this.#followers) follower(lines);
  }

  #rotate(): void {
    // A try before this one may have come no further than here.
    if (existsSync(this.#file)) renameSync(this.#file, `${this.#file}.1`);
    const next = openSync(this.#file, 'w', 0o600);
    closeSync(this.#fd);
    this.#fd = next;
    this.#size = 0;
  }
}
