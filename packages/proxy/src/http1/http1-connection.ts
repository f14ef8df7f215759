import type { HeadPool } from '../codec/head.ts';
import type { CoarseTimers, Countdown, Expirable } from '../timer/coarse-timers.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import type { ChunkedDecoder } from './chunked-decoder.ts';
import { headerLinesOf, type HeaderLines, type HeadRules } from './head-parser.ts';
import type { Http1Meter } from './http1-meter.ts';
import { emptyConnectionOptions } from './message-framing.ts';

/** What both ends of an HTTP/1 connection have: its wire, and how far the message that is being read is understood. */
export abstract class Http1Connection implements Expirable, WireHandler {
  countdown: Countdown | undefined = undefined;
  readonly wire: Wire;
  protected readonly heads: HeadPool;
  protected readonly timers: CoarseTimers;
  protected readonly lines: HeaderLines;
  protected readonly connection = emptyConnectionOptions();
  protected lineParsed = false;
  protected headBytes = 0;
  /** Bytes that could not be read yet. */
  protected stash: Buffer | undefined;
  protected bodyLeft = 0;
  protected chunks: ChunkedDecoder | undefined;
  protected closeAfter = false;
  protected requests = 0;
  /** Of the exchange under way, or the last; where somebody asks. */
  protected meter: Http1Meter | undefined;
  #paused = false;

  constructor(wire: Wire, rules: HeadRules, heads: HeadPool, timers: CoarseTimers) {
    this.wire = wire;
    this.heads = heads;
    this.timers = timers;
    this.lines = headerLinesOf(rules);
    wire.handler = this;
  }

  abstract onBytes(buffer: Buffer, start: number, end: number): void;
  abstract onEnd(): void;
  abstract onDrain(): void;
  abstract onClose(error: Error | undefined): void;
  abstract onExpire(): void;

  protected pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.wire.pause();
  }

  protected resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.wire.resume();
  }
}
