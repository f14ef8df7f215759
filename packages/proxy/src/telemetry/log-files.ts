import { createWriteStream, type WriteStream } from 'node:fs';
import process from 'node:process';
import { systemClock, type Clock, type Timer } from '@lateen/core';
import type { StatGroup, StatVisitor } from './stat-group.ts';
import { StatNumbers } from './stat-numbers.ts';

/** Takes whole lines for a sink: `stdout`, `stderr`, or the path of a file. */
export type LogWriter = (sink: string, text: string) => void;

/** Standard streams that fail are counted by their writes; nobody else has to hear of it. */
function heard(): void {}

const flushMs = 100;
const flushBytes = 64 * 1024;
/** What may wait for a slow disk or pipe; lines beyond it are lost and counted. */
const maxWaitingBytes = 16 * 1024 * 1024;

const statNames = {
  flushedByTimer: ['flushed_by_timer', 'counter'],
  reopenFailed: ['reopen_failed', 'counter'],
  writeBuffered: ['write_buffered', 'counter'],
  writeCompleted: ['write_completed', 'counter'],
  writeFailed: ['write_failed', 'counter'],
  writeDropped: ['write_dropped', 'counter'],
} as const;

/**
 * Writes log lines in batches, so that a line costs no system call of its own.
 *
 * Counts under Envoy's `filesystem.…`; `write_dropped` (lines lost because the file takes them too slowly) is ours.
 */
export class LogFiles implements StatGroup {
  readonly prefix = 'filesystem.';
  readonly prometheusPrefix = 'envoy_filesystem_';
  readonly labels = {};
  readonly #clock: Clock;
  readonly #pending = new Map<string, string>();
  readonly #files = new Map<string, WriteStream>();
  /** Of files that are not written to any more and have not taken all of it yet. */
  readonly #ending = new Set<Promise<void>>();
  readonly #numbers = new StatNumbers(statNames);
  #timer: Timer | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  readonly write: LogWriter = (sink, text) => {
    this.#numbers.n.writeBuffered++;
    const all = (this.#pending.get(sink) ?? '') + text;
    this.#pending.set(sink, all);
    if (all.length > flushBytes) this.flush();
    else this.#timer ??= this.#clock.after(flushMs, this.#onTimer);
  };

  readonly #onTimer = (): void => {
    this.#numbers.n.flushedByTimer++;
    this.flush();
  };

  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    const { n } = this.#numbers;
    for (const [sink, text] of this.#pending) {
      const stream = this.#streamOf(sink);
      if (stream.writableLength + text.length > maxWaitingBytes)
        n.writeDropped += text.split('\n').length - 1;
      else stream.write(text, (error) => (error == null ? n.writeCompleted++ : n.writeFailed++));
    }
    this.#pending.clear();
  }

  /** Writes what is left and opens files anew with the next line: for whoever has moved them away. */
  reopen(): void {
    this.flush();
    this.#endAll();
  }

  /** Writes what is left; resolves when the files are closed, those of before a {@link reopen} too. */
  async close(): Promise<void> {
    this.flush();
    this.#endAll();
    await Promise.all(this.#ending);
  }

  #endAll(): void {
    for (const file of this.#files.values()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#ending.add(promise);
      file.end(() => {
        this.#ending.delete(promise);
        resolve();
      });
    }
    this.#files.clear();
  }

  visit(visitor: StatVisitor): void {
    this.#numbers.visit((name, kind, value) => visitor.number(name, kind, value));
    let waiting = 0;
    for (const text of this.#pending.values()) waiting += text.length;
    for (const file of this.#files.values()) waiting += file.writableLength;
    visitor.number('write_total_buffered', 'gauge', waiting);
  }

  resetCounters(): void {
    this.#numbers.resetCounters();
  }

  #streamOf(sink: string): NodeJS.WritableStream & { readonly writableLength: number } {
    if (sink === 'stdout' || sink === 'stderr') {
      const stream = process[sink];
      if (!stream.listeners('error').includes(heard)) stream.on('error', heard);
      return stream;
    }
    let file = this.#files.get(sink);
    if (file === undefined) {
      file = createWriteStream(sink, { flags: 'a' });
      const opened = file;
      file.on('error', () => {
        this.#numbers.n.reopenFailed++;
        if (this.#files.get(sink) === opened) this.#files.delete(sink);
      });
      this.#files.set(sink, file);
    }
    return file;
  }
}
