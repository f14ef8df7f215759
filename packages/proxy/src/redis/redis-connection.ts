import type { ServedConnection } from '../listener/compiled-listener.ts';
import { endAndClose } from '../listener/end-and-close.ts';
import type { RedisFault } from '../model/redis.ts';
import type { CommandStats, RedisStats } from '../telemetry/redis-stats.ts';
import type { CoarseTimers } from '../timer/coarse-timers.ts';
import { Deadline } from '../timer/deadline.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import { commands, mayBeBare, type Command } from './commands.ts';
import { drawFault } from './faults.ts';
import { logIn, notLoggedIn, type Credentials } from './login.ts';
import { hello, ownNames, ownReply } from './own-replies.ts';
import { RequestReader, RespError } from './resp-reader.ts';
import { encodeError, encodeStatus } from './resp-writer.ts';
import { type OnReply, type Splitter, type SplitterContext } from './splitter.ts';
import { Transaction } from './transaction.ts';

/** A Redis proxy, compiled: the same for all its connections. */
export interface RedisSetup extends SplitterContext {
  readonly splitter: Splitter;
  readonly stats: RedisStats;
  readonly credentials: Credentials;
  readonly timers: CoarseTimers;
  /** Milliseconds, with fractions. */
  readonly nowMs: () => number;
}

/** The place of an answer among those of a client. */
interface Slot {
  reply: Buffer | undefined;
}

interface HeldRequest {
  readonly slot: Slot;
  readonly run: () => void;
}

/** So many requests of one client are under way; it is not read from for more. */
const maxOutstanding = 1_024;
const errorByte = 45;
/** Of what a client sent, in an error. */
const maxShownBytes = 1_024;

/** One client: its requests are carried out as they come, and answered in their order. */
export class RedisConnection implements WireHandler, ServedConnection {
  readonly #setup: RedisSetup;
  readonly #wire: Wire;
  readonly #onClosed: () => void;
  readonly #reader = new RequestReader((request) => this.#onRequest(request));
  readonly #transaction: Transaction;
  readonly #slots: Slot[] = [];
  /** Requests that wait until all before them are answered, because a transaction begins or ends there. */
  readonly #held: HeldRequest[] = [];
  #buffered = 0;
  #resuming = false;
  #loggedIn: boolean;
  #paused = false;
  /** No further request is taken; the wire ends after the last answer. */
  #leaving = false;
  /** Runs from the last answer on: a client that stays is not waited for. */
  #lingering: Deadline | undefined;
  #closed = false;

  constructor(setup: RedisSetup, wire: Wire, onClosed: () => void) {
    this.#setup = setup;
    this.#wire = wire;
    this.#onClosed = onClosed;
    this.#transaction = new Transaction(setup);
    this.#loggedIn = setup.credentials.passwords.length === 0;
    setup.stats.n.cxTotal++;
    setup.stats.n.cxActive++;
    wire.handler = this;
  }

  /** Ends the connection after the answers that are due. */
  drain(): void {
    if (this.#leaving) return;
    this.#setup.stats.n.cxDrainClose++;
    this.#leaving = true;
    this.#flush();
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    const { n } = this.#setup.stats;
    n.rxBytesTotal += end - start;
    if (this.#leaving) return;
    try {
      this.#reader.push(buffer, start, end);
      this.#noteBuffered(this.#reader.buffered);
    } catch (error) {
      if (!(error instanceof RespError)) throw error;
      this.#noteBuffered(0);
      n.cxProtocolError++;
      n.rqActive++;
      this.#slots.push({ reply: encodeError('downstream protocol error') });
      this.#leaving = true;
      this.#flush();
    }
    this.#pace();
  }

  onEnd(): void {
    this.#leaving = true;
    this.#flush();
  }

  onDrain(): void {
    this.#pace();
  }

  onClose(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { n } = this.#setup.stats;
    n.cxActive--;
    n.rqActive -= this.#slots.length;
    this.#noteBuffered(0);
    this.#slots.length = 0;
    this.#held.length = 0;
    this.#transaction.close();
    if (this.#lingering !== undefined) this.#setup.timers.stop(this.#lingering);
    this.#onClosed();
  }

  #noteBuffered(bytes: number): void {
    this.#setup.stats.n.rxBytesBuffered += bytes - this.#buffered;
    this.#buffered = bytes;
  }

  /** Reads on only while answers leave. */
  #pace(): void {
    const full = this.#slots.length >= maxOutstanding || !this.#wire.writable;
    if (full === this.#paused || this.#closed) return;
    this.#paused = full;
    if (full) this.#wire.pause();
    else this.#wire.resume();
  }

  #onRequest(request: readonly Buffer[] | undefined): void {
    if (this.#leaving) return;
    const { n } = this.#setup.stats;
    const slot: Slot = { reply: undefined };
    this.#slots.push(slot);
    n.rqTotal++;
    n.rqActive++;
    const run = (): void =>
      this.#carryOut(request, (reply) => {
        slot.reply = reply;
        this.#flush();
      });
    if (this.#mustWait(request)) this.#held.push({ slot, run });
    else run();
  }

  /** A transaction has a connection of its own: what comes before and after it must not overtake it. */
  #mustWait(request: readonly Buffer[] | undefined): boolean {
    if (this.#held.length > 0) return true;
    // The place of this request is there already.
    if (this.#slots.length === 1) return false;
    if (this.#transaction.ending) return true;
    const name = request?.[0]?.toString().toLowerCase() ?? '';
    return !this.#transaction.active && (name === 'multi' || name === 'watch');
  }

  #carryOut(request: readonly Buffer[] | undefined, done: OnReply): void {
    const { stats, credentials, nowMs } = this.#setup;
    if (request === undefined) {
      this.#refuse(done);
      return;
    }
    const name = (request[0] as Buffer).toString().toLowerCase();
    const isBare = request.length === 1 && !mayBeBare(name);
    if (name === 'auth') {
      if (isBare) this.#refuse(done);
      else done(this.#note(logIn(request.slice(1), credentials)));
      return;
    }
    if (name === 'quit') {
      this.#leaving = true;
      done(encodeStatus('OK'));
      return;
    }
    if (name === 'hello') {
      const counts = stats.command(name);
      counts.total++;
      const reply = this.#note(hello(request.slice(1), credentials, this.#loggedIn));
      if (reply[0] === errorByte) counts.error++;
      else counts.success++;
      done(reply);
      return;
    }
    const command = commands.get(name);
    if (command === undefined && !ownNames.has(name)) {
      stats.n.unsupportedCommand++;
      done(unknownCommand(request));
    } else if (!this.#loggedIn) done(notLoggedIn);
    else if (isBare) this.#refuse(done);
    else if (command !== undefined) this.#execute(command, request, done);
    else {
      const reply = ownReply(name, request, nowMs);
      if (reply === undefined) this.#refuse(done);
      else done(reply);
    }
  }

  #refuse(done: OnReply): void {
    this.#setup.stats.n.invalidRequest++;
    done(encodeError('invalid request'));
  }

  /** What became of a client's wish to be let in. */
  #note({ granted, reply }: { readonly granted: boolean | undefined; readonly reply: Buffer }): Buffer {
    this.#loggedIn = granted ?? this.#loggedIn;
    return reply;
  }

  #execute(command: Command, request: readonly Buffer[], done: OnReply): void {
    const { stats, model, random, nowMs, splitter } = this.#setup;
    // As Envoy: all of a transaction counts as `multi`.
    const counts = stats.command(this.#transaction.active ? 'multi' : command.name);
    counts.total++;
    const startMs = nowMs();
    const finish: OnReply = (reply, good) => {
      if (good === true) counts.success++;
      else if (good === false) counts.error++;
      counts.latency.record((nowMs() - startMs) * (model.latencyInMicros ? 1_000 : 1));
      done(reply);
    };
    const fault = drawFault(model.faults, command.name, random);
    const answer = this.#delayed(fault, counts, finish);
    if (fault?.kind === 'error') {
      counts.errorFault++;
      answer(encodeError('Fault Injected: Error'), false);
    } else if (this.#transaction.active || command.kind === 'transaction') {
      this.#transaction.run(command, request, answer);
    } else splitter.run(command, request, answer);
  }

  /** Lets answers out late where a fault says so. */
  #delayed(fault: RedisFault | undefined, counts: CommandStats, done: OnReply): OnReply {
    if (fault === undefined || fault.delayMs === 0) return done;
    counts.delayFault++;
    return (reply, good) => {
      this.#setup.timers.start(new Deadline(() => done(reply, good)), fault.delayMs);
    };
  }

  /** Goes on with requests that waited, as long as none of them begins another wait. */
  #runHeld(): void {
    if (this.#resuming) return;
    this.#resuming = true;
    for (let held = this.#held[0]; held !== undefined; held = this.#held[0]) {
      if (held.slot !== this.#slots[0]) break;
      this.#held.shift();
      held.run();
    }
    this.#resuming = false;
  }

  /** Sends the answers whose turn it is. */
  #flush(): void {
    if (this.#closed) return;
    const { n } = this.#setup.stats;
    let sent = 0;
    for (const { reply } of this.#slots) {
      if (reply === undefined) break;
      this.#wire.write(reply, 0, reply.length);
      n.txBytesTotal += reply.length;
      sent++;
    }
    if (sent > 0) this.#slots.splice(0, sent);
    n.rqActive -= sent;
    this.#runHeld();
    if (!this.#leaving || this.#slots.length > 0) this.#pace();
    else this.#lingering ??= endAndClose(this.#wire, this.#setup.timers);
  }
}

function unknownCommand([name, arg]: readonly Buffer[]): Buffer {
  const shown = arg?.toString('utf8', 0, maxShownBytes) ?? '';
  const unknown = name?.toString('utf8', 0, maxShownBytes) ?? '';
  return encodeError(`ERR unknown command '${unknown}', with args beginning with: ${shown}`);
}
