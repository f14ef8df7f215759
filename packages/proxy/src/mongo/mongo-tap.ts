import type { MongoProxy } from '../model/mongo.ts';
import type { MongoStats, OperationStats } from '../telemetry/mongo-stats.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import { Deadline } from '../timer/deadline.ts';
import type { WireTap } from '../wire/tapped-wire.ts';
import type { WireHandler } from '../wire/wire.ts';
import { BsonError } from './bson.ts';
import { MessageReader } from './message-reader.ts';
import { opcodes, type MongoMessage } from './message.ts';
import { documentsIn, operationOfCommand, operationOfQuery, type Operation } from './operation.ts';

/** Hears what passes a connection. */
export interface MongoListener {
  /** Bytes have come, from either side: messages in them follow. */
  onBytes(): void;
  onMessage(message: MongoMessage): void;
  /** More is held back than a connection may keep: nothing is to be read; or it may be read again. */
  onHeld(isHeld: boolean): void;
}

export interface MongoTapContext {
  readonly model: MongoProxy;
  readonly stats: MongoStats;
  readonly timers: CoarseTimers;
  readonly random: () => number;
  readonly nowMs: () => number;
}

/** A question whose answer has not come. */
interface ActiveQuery {
  readonly id: number;
  readonly startMs: number;
  readonly operations: readonly OperationStats[];
}

/** So many questions of a connection are remembered; drivers have few under way. */
const maxActive = 1_000;
/** Where a fault holds back more, the client is not read on. */
const maxHeldBytes = 64 * 1024;
const tailableCursor = 2;
const noCursorTimeout = 16;
const awaitData = 32;
const exhaust = 64;
const cursorNotFound = 1;
const queryFailure = 2;
/** No answer comes to a message with it. */
const moreToCome = 2;

/** Counts what one client asks of MongoDB and what it is answered; what cannot be read passes unseen from there on. */
export class MongoTap implements WireTap {
  readonly #context: MongoTapContext;
  readonly #listener: MongoListener;
  #requests: MessageReader | undefined = new MessageReader((message) => this.#onMessage(message, true));
  #replies: MessageReader | undefined = new MessageReader((message) => this.#onMessage(message, false));
  #active: ActiveQuery[] = [];
  #wantsDelay = false;
  /** What the client sent while its messages are held back. */
  #held: (() => void)[] | undefined;
  #heldBytes = 0;
  #deadline: Deadline | undefined;
  /** Who was the last to finish sending; undefined while nobody has. */
  #lastToEnd: 'peer' | 'proxy' | undefined;
  #isFinished = false;

  constructor(context: MongoTapContext, listener: MongoListener) {
    this.#context = context;
    this.#listener = listener;
  }

  onReceived(buffer: Buffer, start: number, end: number, pass: WireHandler['onBytes']): void {
    if (this.#held !== undefined) {
      const copy = this.#keep(buffer, start, end);
      this.#held.push(() => {
        this.#requests = this.#read(this.#requests, copy, 0, copy.length);
        this.#wantsDelay = false;
        pass(copy, 0, copy.length);
      });
      return;
    }
    this.#requests = this.#read(this.#requests, buffer, start, end);
    if (!this.#wantsDelay) {
      pass(buffer, start, end);
      return;
    }
    this.#delay();
    const copy = this.#keep(buffer, start, end);
    this.#held = [() => pass(copy, 0, copy.length)];
  }

  #keep(buffer: Buffer, start: number, end: number): Buffer {
    const wasFull = this.#heldBytes > maxHeldBytes;
    this.#heldBytes += end - start;
    if (!wasFull && this.#heldBytes > maxHeldBytes) this.#listener.onHeld(true);
    return Buffer.from(buffer.subarray(start, end));
  }

  onEnded(pass: () => void): void {
    this.#lastToEnd = 'peer';
    if (this.#held === undefined) pass();
    else this.#held.push(pass);
  }

  onFinished(): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#lastToEnd = 'proxy';
  }

  onWritten(buffer: Uint8Array, start: number, end: number): void {
    const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length);
    this.#replies = this.#read(this.#replies, bytes, start, end);
  }

  onClosed(error: Error | undefined): void {
    if (this.#deadline !== undefined) this.#context.timers.stop(this.#deadline);
    this.#held = undefined;
    const { n } = this.#context.stats;
    n.opQueryActive -= this.#active.length;
    if (this.#active.length === 0) return;
    this.#active = [];
    if (this.#lastToEnd !== 'proxy' || error !== undefined) n.cxDestroyRemoteWithActiveRq++;
    else n.cxDestroyLocalWithActiveRq++;
  }

  /** Undefined once there is something that is no message. */
  #read(
    reader: MessageReader | undefined,
    buffer: Buffer,
    start: number,
    end: number,
  ): MessageReader | undefined {
    if (reader === undefined) return undefined;
    this.#listener.onBytes();
    try {
      reader.push(buffer, start, end);
      return reader;
    } catch (error) {
      if (!(error instanceof BsonError)) throw error;
      this.#context.stats.n.decodingError++;
      return undefined;
    }
  }

  /** As Envoy, by what a message says it is, whoever sends it. */
  #onMessage(message: MongoMessage, isOfClient: boolean): void {
    const { n } = this.#context.stats;
    this.#listener.onMessage(message);
    if (isOfClient) this.#draw();
    switch (message.kind) {
      case 'query':
        n.opQuery++;
        if ((message.flags & tailableCursor) !== 0) n.opQueryTailableCursor++;
        if ((message.flags & noCursorTimeout) !== 0) n.opQueryNoCursorTimeout++;
        if ((message.flags & awaitData) !== 0) n.opQueryAwaitData++;
        if ((message.flags & exhaust) !== 0) n.opQueryExhaust++;
        this.#begin(message.id, operationOfQuery(message.collection, message.query), true);
        break;
      case 'message': {
        n.opMsg++;
        if (!isOfClient) {
          this.#finish(message, documentsIn(message.body));
          break;
        }
        const answered = (message.flags & moreToCome) === 0;
        this.#begin(message.id, operationOfCommand(message.body), answered);
        break;
      }
      case 'reply':
        n.opReply++;
        if ((message.flags & cursorNotFound) !== 0) n.opReplyCursorNotFound++;
        if ((message.flags & queryFailure) !== 0) n.opReplyQueryFailure++;
        if (message.cursor !== 0n) n.opReplyValidCursor++;
        this.#finish(message, message.documents);
        break;
      case 'command':
        n.opCommand++;
        break;
      case 'command_reply':
        n.opCommandReply++;
        break;
      case 'insert':
        n.opInsert++;
        break;
      case 'get_more':
        n.opGetMore++;
        break;
      case 'kill_cursors':
        n.opKillCursors++;
        break;
      case 'opaque':
        this.#countOpaque(message.opcode);
        if (!isOfClient) this.#finish(message, undefined);
        break;
      default:
    }
  }

  #countOpaque(opcode: number): void {
    const { n } = this.#context.stats;
    if (opcode === opcodes.query) n.opQuery++;
    else if (opcode === opcodes.insert) n.opInsert++;
    else if (opcode === opcodes.message) n.opMsg++;
    else if (opcode === opcodes.command) n.opCommand++;
    else if (opcode === opcodes.reply) n.opReply++;
  }

  #begin(id: number, operation: Operation, answered: boolean): void {
    const { stats } = this.#context;
    const operations = this.#operationsOf(operation);
    for (const one of operations) one.total++;
    if (operation.kind === 'query') {
      if (!operation.maxTime) stats.n.opQueryNoMaxTime++;
      if (operation.reach === 'scatter_get') {
        stats.n.opQueryScatterGet++;
        for (const one of operations) one.scatterGet++;
      } else if (operation.reach === 'multi_get') {
        stats.n.opQueryMultiGet++;
        for (const one of operations) one.multiGet++;
      }
    }
    if (!answered || this.#active.length >= maxActive) return;
    this.#active.push({ id, startMs: this.#context.nowMs(), operations });
    stats.n.opQueryActive++;
  }

  #operationsOf(operation: Operation): OperationStats[] {
    const { stats, model } = this.#context;
    const names =
      operation.kind === 'command'
        ? [`cmd.${model.commands.includes(operation.name) ? operation.name : 'unknown_command'}`]
        : [
            `collection.${operation.collection}.query`,
            ...(operation.callsite === ''
              ? []
              : [`collection.${operation.collection}.callsite.${operation.callsite}.query`]),
          ];
    return names.flatMap((name) => stats.operation(name) ?? []);
  }

  /** `documents` is undefined where they could not be counted. */
  #finish({ responseTo, bytes }: MongoMessage, documents: number | undefined): void {
    const at = this.#active.findIndex(({ id }) => id === responseTo);
    const [query] = at < 0 ? [] : this.#active.splice(at, 1);
    if (query === undefined) return;
    this.#context.stats.n.opQueryActive--;
    const tookMs = this.#context.nowMs() - query.startMs;
    for (const one of query.operations) {
      if (documents !== undefined) one.replyDocuments.record(documents);
      one.replyBytes.record(bytes);
      one.replyMs.record(tookMs);
    }
  }

  #draw(): void {
    const { delay } = this.#context.model;
    if (delay === undefined || this.#held !== undefined) return;
    if (this.#context.random() * delay.fraction.denominator < delay.fraction.numerator)
      this.#wantsDelay = true;
  }

  /** Holds the client's bytes back for the time of the fault. */
  #delay(): void {
    this.#wantsDelay = false;
    const { stats, timers, model } = this.#context;
    stats.n.delayInjected++;
    this.#deadline = new Deadline(() => {
      const held = this.#held ?? [];
      const wasFull = this.#heldBytes > maxHeldBytes;
      this.#held = undefined;
      this.#heldBytes = 0;
      for (const run of held) run();
      if (wasFull) this.#listener.onHeld(false);
    });
    timers.start(this.#deadline, model.delay?.fixedMs ?? 0);
  }
}
