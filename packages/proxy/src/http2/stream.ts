import type { HeaderBlock } from '../codec/header-block.ts';
import { HeaderBlock as Trailers } from '../codec/header-block.ts';
import type { ResetReason } from '../codec/stream.ts';
import type { Http2Connection } from './connection.ts';
import { errorCode, type ErrorCode } from './frame.ts';
import { StreamMeter } from './stream-meter.ts';

/** An end of a message: with trailers, or without. */
type End = { readonly trailers: HeaderBlock | undefined };

/**
 * What streams of both sides have in common: two windows, what waits for room in them, and how they end.
 *
 * A paused stream keeps what still comes for it, at most its window: other streams of the connection go on.
 */
export abstract class Http2Stream {
  readonly connection: Http2Connection;
  /** 0 until the head is sent (clients). */
  id: number;
  /** What the peer lets us send. */
  sendWindow: number;
  /** What the peer may still send. */
  receiveWindow: number;
  /** Bytes of the body that the head promised and that have not come; -1: it promised nothing. */
  lengthLeft = -1;
  /** The peer has sent everything. */
  remoteEnded = false;
  /** We have sent everything. */
  localEnded = false;
  closed = false;
  /** There where somebody asks how many bytes pass. */
  meter: StreamMeter | undefined;
  #taken = 0;
  #paused = false;
  #delivering = false;
  #held: Buffer[] | undefined;
  #heldEnd: End | undefined;
  #queue: Buffer[] | undefined;
  #queueEnd: End | undefined;

  constructor(connection: Http2Connection, id: number) {
    this.connection = connection;
    this.id = id;
    this.sendWindow = connection.peer.streamWindow;
    this.receiveWindow = connection.ownStreamWindow;
  }

  measure(): StreamMeter {
    return (this.meter = new StreamMeter());
  }

  /** Hands data to whoever serves the stream. */
  protected abstract onData(buffer: Buffer, start: number, end: number): void;
  protected abstract onEnd(trailers: HeaderBlock | undefined): void;
  /** More can be sent. */
  protected abstract onWritable(): void;
  /** The stream was broken off by the peer, or with its connection. */
  protected abstract onBroken(reason: ResetReason, detail: string): void;

  /** What it means that the peer has reset the stream with this code. */
  protected reasonOf(code: number): ResetReason {
    return code === errorCode.refusedStream ? 'refused' : 'remote_reset';
  }

  // What the peer sends

  /** Takes data from the connection. */
  receive(buffer: Buffer, start: number, end: number): void {
    if (this.closed) {
      this.connection.giveBack(end - start);
      return;
    }
    if (this.lengthLeft >= 0) {
      this.lengthLeft -= end - start;
      if (this.lengthLeft < 0) {
        this.connection.giveBack(end - start);
        this.break(errorCode.protocolError, 'protocol_error', 'more data than content-length says');
        return;
      }
    }
    if (this.#paused || this.#held !== undefined) {
      (this.#held ??= []).push(Buffer.from(buffer.subarray(start, end)));
      return;
    }
    this.onData(buffer, start, end);
    this.#take(end - start);
  }

  /** The peer has sent everything. */
  receiveEnd(trailers: HeaderBlock | undefined): void {
    if (this.closed || this.remoteEnded) return;
    if (this.lengthLeft > 0) {
      this.break(errorCode.protocolError, 'protocol_error', 'less data than content-length says');
      return;
    }
    this.remoteEnded = true;
    if (this.#held !== undefined || this.#paused) this.#heldEnd = { trailers };
    else this.#deliverEnd(trailers);
  }

  /** The peer has reset the stream. */
  receiveReset(code: number): void {
    if (this.closed) return;
    if (this.remoteEnded && code === errorCode.noError) {
      // It has answered and does not want the rest of the request.
      this.#queue = undefined;
      this.#queueEnd = undefined;
      this.localEnded = true;
      this.#closeIfDone();
      return;
    }
    this.#close();
    this.onBroken(this.reasonOf(code), `stream reset by the peer, code ${code}`);
    this.connection.offerRoom();
  }

  /** The connection is gone. */
  lose(reason: ResetReason, detail: string): void {
    if (this.closed) return;
    this.#close();
    this.onBroken(reason, detail);
    this.connection.offerRoom();
  }

  /** Resets the stream for what the peer did wrong, and tells who serves it. */
  break(code: ErrorCode, reason: ResetReason, detail: string): void {
    if (this.closed) return;
    this.connection.countBroken();
    this.connection.sendReset(this.id, code);
    this.#close();
    this.onBroken(reason, detail);
    this.connection.offerRoom();
  }

  /** Gives the stream up; its room is to be offered to others by the caller. */
  abandon(code: ErrorCode): void {
    if (this.closed) return;
    if (this.id > 0 && !(this.localEnded && this.remoteEnded)) this.connection.sendReset(this.id, code);
    this.#close();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#delivering) return;
    this.#delivering = true;
    this.#deliverHeld();
    this.#delivering = false;
    if (!this.#paused) this.#take(0);
  }

  get #isPaused(): boolean {
    return this.#paused;
  }

  #deliverHeld(): void {
    for (let held = this.#held; held !== undefined; held = this.#held) {
      const chunk = held.shift();
      if (chunk === undefined) {
        this.#held = undefined;
        break;
      }
      this.onData(chunk, 0, chunk.length);
      this.#take(chunk.length);
      if (this.#isPaused || this.closed) return;
    }
    const end = this.#heldEnd;
    this.#heldEnd = undefined;
    if (end !== undefined && !this.closed) this.#deliverEnd(end.trailers);
  }

  #deliverEnd(trailers: HeaderBlock | undefined): void {
    this.onEnd(trailers);
    this.#closeIfDone();
  }

  /** Bytes are in other hands now: their room is the peer's again, unless the stream is paused. */
  #take(bytes: number): void {
    this.connection.giveBack(bytes);
    this.#taken += bytes;
    if (this.#paused || this.remoteEnded || this.closed) return;
    if (this.#taken < this.connection.ownStreamWindow >> 1) return;
    this.receiveWindow += this.#taken;
    const frame = this.connection.sendWindowUpdate(this.id, this.#taken);
    this.meter?.sentFrame(frame);
    this.#taken = 0;
  }

  // What we send

  get isWritable(): boolean {
    return this.#queue === undefined && this.connection.isWritable;
  }

  protected writeData(buffer: Uint8Array, start: number, end: number): void {
    if (this.closed || this.localEnded || start === end) return;
    let from = start;
    if (this.#queue === undefined) {
      from += this.connection.sendData(this, buffer, start, end);
      if (from === end) return;
      this.#queue = [];
      this.connection.wait(this);
    }
    this.#queue.push(Buffer.from(buffer.subarray(from, end)));
  }

  protected writeEnd(trailers: HeaderBlock | undefined): void {
    if (this.closed || this.localEnded) return;
    if (this.#queue !== undefined) {
      let kept: HeaderBlock | undefined;
      if (trailers !== undefined) {
        kept = new Trailers();
        kept.copyFrom(trailers);
      }
      this.#queueEnd = { trailers: kept };
      return;
    }
    this.#sendEnd(trailers);
  }

  #sendEnd(trailers: HeaderBlock | undefined): void {
    this.localEnded = true;
    const { connection, meter } = this;
    if (trailers === undefined) {
      const bytes = connection.sendEnd(this.id);
      meter?.sentFrame(bytes);
    } else {
      const bytes = connection.sendTrailers(this.id, trailers);
      meter?.sentBlock(bytes);
    }
    this.#closeIfDone();
  }

  /** There may be room in the windows again; false where it was not enough for what waits. */
  flush(): boolean {
    const queue = this.#queue;
    if (queue === undefined || this.closed) return true;
    while (queue.length > 0) {
      const chunk = queue[0] as Buffer;
      const sent = this.connection.sendData(this, chunk, 0, chunk.length);
      if (sent < chunk.length) {
        queue[0] = chunk.subarray(sent);
        return false;
      }
      queue.shift();
    }
    this.#queue = undefined;
    const end = this.#queueEnd;
    this.#queueEnd = undefined;
    if (end !== undefined) this.#sendEnd(end.trailers);
    else if (this.connection.isWritable) this.onWritable();
    return true;
  }

  /** The connection has sent what it had. */
  drained(): void {
    if (!this.closed && !this.localEnded && this.#queue === undefined) this.onWritable();
  }

  /** Everything is said: the head was the whole message. */
  protected endLocally(): void {
    this.localEnded = true;
    this.#closeIfDone();
  }

  /** To be overridden where the end of one direction ends both. */
  protected onLocalEnd(): void {}

  #closeIfDone(): void {
    if (this.closed) return;
    if (this.localEnded && this.remoteEnded && this.#heldEnd === undefined) {
      this.#close();
      this.connection.offerRoom();
      return;
    }
    if (this.localEnded) this.onLocalEnd();
  }

  #close(): void {
    this.closed = true;
    const held = this.#held;
    this.#held = undefined;
    this.#heldEnd = undefined;
    this.#queue = undefined;
    this.#queueEnd = undefined;
    if (held !== undefined) for (const chunk of held) this.connection.giveBack(chunk.length);
    this.connection.forget(this);
  }
}
