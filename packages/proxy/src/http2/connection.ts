import { NumberMap } from '@lateen/core';
import { connectionEnd, type ConnectionEnd } from '../codec/connection-end.ts';
import type { ResetReason } from '../codec/stream.ts';
import type { Countdown, Expirable } from '../timer/coarse-timers.ts';
import type { Wire, WireHandler } from '../wire/wire.ts';
import { controlFrameFault } from './control-frame-fault.ts';
import type { Http2ConnectionOptions, Http2Context } from './connection-options.ts';
import { FieldBlocks, type BlockStep, type FieldBlock } from './field-block.ts';
import {
  allStreams,
  defaultMaxFrameBytes,
  errorCode,
  frameFlag,
  frameType,
  maxWindowBytes,
  uint31,
  type ErrorCode,
} from './frame.ts';
import { FrameReader, type FrameFault, type FrameSink } from './frame-reader.ts';
import { pingKind } from './frame-writer.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import { FieldNames } from './hpack/field-name.ts';
import type { Http2Counter, Http2Stats } from '../telemetry/http2-stats.ts';
import { MessageFields } from './message-fields.ts';
import { Http2Output } from './output.ts';
import { PeerSettings, resizeWindows, windowFault } from './peer-settings.ts';
import type { Http2Stream } from './stream.ts';

/** How long is waited for the peer to close after the last GOAWAY. */
const lingerMs = 1_000;

/**
 * One end of an HTTP/2 connection (RFC 9113): frames, settings, windows, limits against floods, and its streams. What a
 * block of fields means is left to the two sides, client and server.
 */
export abstract class Http2Connection extends Http2Output implements Expirable, WireHandler, FrameSink {
  countdown: Countdown | undefined = undefined;
  protected readonly fields: MessageFields;
  protected readonly streams = new NumberMap<Http2Stream>();
  /** The highest stream of the peer's (server) or of ours (client). */
  protected lastStreamId = 0;
  readonly peer = new PeerSettings();
  /** Of the block of fields that came last. */
  blockBytes = 0;
  /** How the connection ended, once it has. */
  #end: ConnectionEnd | undefined;
  readonly #reader: FrameReader;
  readonly #decoder: HpackDecoder;
  readonly #blocks: FieldBlocks;
  #dataStream: Http2Stream | undefined;
  #dataFlags = 0;
  #dataLength = 0;

  constructor(wire: Wire, options: Http2ConnectionOptions, context: Http2Context, stats: Http2Stats) {
    super(wire, options, context, stats);
    this.fields = new MessageFields(options);
    this.#reader = new FrameReader(this);
    this.#blocks = new FieldBlocks(options.maxHeadBytes + defaultMaxFrameBytes);
    this.#decoder = new HpackDecoder(new FieldNames());
    wire.handler = this;
  }

  // What the sides decide

  /** A block of fields begins; prepares {@link fields} for it. False: the connection has failed. */
  protected abstract beginBlock(streamId: number, endStream: boolean): boolean;
  protected abstract endBlock(streamId: number, endStream: boolean): void;
  /** True for a stream that has not been opened yet. */
  protected abstract isIdle(streamId: number): boolean;
  /** A stream is gone. */
  protected abstract onStreamGone(stream: Http2Stream): void;
  /** Who served a stream that is gone knows it: whoever waits for its room may have it. */
  offerRoom(): void {}
  protected abstract onGoaway(lastStreamId: number, code: number): void;
  protected abstract onGone(end: ConnectionEnd): void;
  abstract onExpire(): void;
  /** True while a request is under way. */
  protected get isActive(): boolean {
    return this.streams.size > 0;
  }
  /** The peer has reset a stream of its own accord. */
  protected onPeerReset(_stream: Http2Stream): void {}
  protected onPingAck(): void {}
  protected onSettled(): void {}

  onBytes(buffer: Buffer, start: number, end: number): void {
    if (this.life === 'closing' || this.life === 'closed') return;
    this.keepalive?.onBytes(this.context.turn.nowMs);
    this.#reader.read(buffer, start, end);
  }

  onEnd(): void {
    this.noteEnd(true);
    // First, so that nothing waits for a connection that goes, or is begun on it.
    this.life = 'closing';
    this.loseAll('connection_closed', 'the peer closed the connection');
    this.#reader.stop();
    this.wire.end();
    this.context.timers.start(this, lingerMs);
  }

  onDrain(): void {
    for (const stream of this.streams.values()) stream.drained();
  }

  onClose(error: Error | undefined): void {
    if (this.life === 'closed') return;
    const end = this.noteEnd(true);
    this.context.timers.stop(this);
    this.#reader.stop();
    this.life = 'closed';
    this.keepalive?.stop();
    this.loseAll('connection_closed', error?.message ?? 'the peer closed the connection');
    this.onGone(end);
  }

  /** Notes how the connection ends; the first to say so knows. */
  protected noteEnd(byPeer: boolean, cause: ConnectionEnd['cause'] = 'none'): ConnectionEnd {
    return (this.#end ??= connectionEnd(byPeer, this.isActive, cause));
  }

  /** Tells all streams that the connection is gone. */
  protected loseAll(reason: ResetReason, detail: string): void {
    for (const stream of this.streams.values()) stream.lose(reason, detail);
  }

  // Frames

  onFrameFault(fault: FrameFault): void {
    if (fault === 'too_long') this.fail(errorCode.frameSizeError, 'a frame longer than was allowed');
    else this.fail(errorCode.protocolError, 'padding longer than its frame');
  }

  onDataFrame(streamId: number, length: number, flags: number): void {
    if (this.#blocks.isOpen || streamId === 0 || this.isIdle(streamId)) {
      this.fail(errorCode.protocolError, 'DATA where none may come');
      return;
    }
    if (!this.flow.receive(length)) {
      this.fail(errorCode.flowControlError, 'more data than the connection allowed');
      return;
    }
    this.#dataFlags = flags;
    this.#dataLength = length;
    const stream = this.streams.get(streamId);
    this.#dataStream = stream;
    if (stream === undefined) {
      // Of a stream that we have closed: it may have been on its way.
      this.#emptyBudgetFor(length);
      return;
    }
    if (stream.remoteEnded) return this.#breakData(errorCode.streamClosed, 'DATA after the end');
    stream.meter?.receivedData(length);
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0)
      return this.#breakData(errorCode.flowControlError, 'more data than the stream allowed');
    if (length > 0) {
      this.floods.ping.earn(1);
      // Consecutive ones are meant.
      this.floods.empty.earn(1);
    } else if ((flags & frameFlag.endStream) === 0) this.#emptyBudgetFor(0);
  }

  #breakData(code: ErrorCode, detail: string): void {
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    stream?.break(code, 'protocol_error', detail);
  }

  #emptyBudgetFor(length: number): boolean {
    if (length > 0 || this.floods.empty.spend(this.context.turn.nowMs)) return true;
    this.flood('emptyFramesFlood');
    return false;
  }

  onDataBytes(buffer: Buffer, start: number, end: number): void {
    if (this.#dataStream === undefined) this.giveBack(end - start);
    else this.#dataStream.receive(buffer, start, end);
  }

  onDataFrameEnd(padding: number): void {
    const stream = this.#dataStream;
    this.#dataStream = undefined;
    if (padding > 0) {
      this.giveBack(padding);
      const isEmpty = padding === this.#dataLength && (this.#dataFlags & frameFlag.endStream) === 0;
      if (isEmpty && !this.#emptyBudgetFor(0)) return;
      if (stream !== undefined && !stream.closed && !stream.remoteEnded) {
        stream.receiveWindow += padding;
        this.sendWindowUpdate(stream.id, padding);
      }
    }
    if ((this.#dataFlags & frameFlag.endStream) !== 0) stream?.receiveEnd(undefined);
  }

  onFrame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void {
    if (this.#blocks.isOpen && type !== frameType.continuation) {
      this.fail(errorCode.protocolError, 'a block of fields was interrupted');
      return;
    }
    if (type === frameType.headers) {
      this.#onBlockStep(this.#blocks.headers(flags, streamId, buffer, start, end));
      if (this.#blocks.isOpen) this.onBlockOpen();
      return;
    }
    if (type === frameType.continuation) {
      this.#onBlockStep(this.#blocks.continuation(flags, streamId, buffer, start, end));
      return;
    }
    const malformed = controlFrameFault(type, flags, streamId, end - start);
    if (malformed !== undefined) {
      this.fail(malformed, `a malformed frame of type ${type}`);
      return;
    }
    switch (type) {
      case frameType.windowUpdate:
        this.#onWindowUpdate(streamId, buffer, start);
        return;
      case frameType.rstStream:
        this.#onReset(streamId, buffer, start);
        return;
      case frameType.settings:
        this.#onSettings(flags, buffer, start, end);
        return;
      case frameType.ping:
        this.#onPing(flags, buffer, start);
        return;
      case frameType.goaway:
        this.onGoaway(uint31(buffer, start), buffer.readUInt32BE(start + 4));
        return;
      case frameType.pushPromise:
        this.fail(errorCode.protocolError, 'a push that nobody allowed');
        return;
      default:
    }
    // Priorities are not followed, and what is unknown is to be ignored (RFC 9113 section 4.1).
    if (!this.floods.priority.spend(this.context.turn.nowMs)) this.flood('priorityFlood');
  }

  #onBlockStep(step: BlockStep): void {
    if (step === 'malformed') this.fail(errorCode.protocolError, 'a malformed HEADERS or CONTINUATION');
    else if (step === 'flood') this.flood('continuationFlood');
    else if (step !== 'open') this.#onBlock(step);
  }

  /** A block has begun and is not complete. */
  protected onBlockOpen(): void {}

  /** True while a block is not complete. */
  protected get isBlockOpen(): boolean {
    return this.#blocks.isOpen;
  }

  #onBlock({ streamId, endStream, buffer, start, end }: FieldBlock): void {
    if (!this.beginBlock(streamId, endStream)) return;
    this.blockBytes = end - start;
    if (!this.#decoder.decode(buffer, start, end, this.fields)) {
      this.fail(errorCode.compressionError, 'a malformed block of fields');
      return;
    }
    this.floods.ping.earn(1);
    this.floods.windowUpdate.earn(4);
    this.endBlock(streamId, endStream);
  }

  #onWindowUpdate(streamId: number, buffer: Buffer, start: number): void {
    const more = uint31(buffer, start);
    if (!this.floods.windowUpdate.spend(this.context.turn.nowMs)) {
      this.flood('windowUpdateFlood');
      return;
    }
    if (streamId === 0) {
      if (more === 0) this.fail(errorCode.protocolError, 'a window that grows by nothing');
      else if (!this.flow.grow(more)) this.fail(errorCode.flowControlError, 'a window too large');
      return;
    }
    if (this.isIdle(streamId)) {
      this.fail(errorCode.protocolError, 'a window of a stream that does not exist');
      return;
    }
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    stream.sendWindow += more;
    if (more === 0) stream.break(errorCode.protocolError, 'protocol_error', 'a window that grows by nothing');
    else if (stream.sendWindow > maxWindowBytes) {
      stream.break(errorCode.flowControlError, 'protocol_error', 'a window too large');
    } else if (stream.flush()) {
      this.flow.forget(stream);
    }
  }

  #onReset(streamId: number, buffer: Buffer, start: number): void {
    if (this.isIdle(streamId)) {
      this.fail(errorCode.protocolError, 'the reset of a stream that does not exist');
      return;
    }
    this.stats.n.rxReset++;
    const stream = this.streams.get(streamId);
    if (stream === undefined) {
      if (!this.floods.priority.spend(this.context.turn.nowMs)) this.flood('resetFlood');
      return;
    }
    this.onPeerReset(stream);
    stream.receiveReset(buffer.readUInt32BE(start));
  }

  #onSettings(flags: number, buffer: Buffer, start: number, end: number): void {
    if ((flags & frameFlag.ack) !== 0) return;
    if (!this.floods.settings.spend(this.context.turn.nowMs)) {
      this.flood('settingsFlood');
      return;
    }
    const { peer } = this;
    const windowBefore = peer.streamWindow;
    const fault = peer.take(buffer, start, end, this.encoder, this.options.tableBytes);
    const more = peer.streamWindow - windowBefore;
    const wrong = fault ?? (resizeWindows(this.streams.values(), more) ? undefined : windowFault);
    if (wrong !== undefined) {
      this.fail(wrong.code, wrong.detail);
      return;
    }
    if (more > 0) this.flow.flushWaiting();
    this.writer.settingsAck();
    this.guardOutput();
    if (!peer.settled) {
      peer.settled = true;
      this.onSettled();
    }
  }

  #onPing(flags: number, buffer: Buffer, start: number): void {
    if ((flags & frameFlag.ack) !== 0) {
      if (buffer[start] === pingKind.keepalive) this.keepalive?.onAck();
      else this.onPingAck();
      return;
    }
    if (!this.floods.ping.spend(this.context.turn.nowMs)) {
      this.flood('pingFlood');
      return;
    }
    this.writer.pingAck(buffer, start);
    this.guardOutput();
  }

  /** A stream has closed; called by the stream. */
  forget(stream: Http2Stream): void {
    this.flow.forget(stream);
    this.streams.delete(stream.id);
    this.onStreamGone(stream);
  }

  // The end

  /** The peer overdoes something that costs us. */
  protected override flood(counter: Http2Counter): void {
    this.stats.n[counter]++;
    this.fail(errorCode.enhanceYourCalm, counter);
  }

  /** Ends the connection with an error, and all that is on it. */
  protected override fail(code: ErrorCode, detail: string): void {
    if (this.life === 'closing' || this.life === 'closed') return;
    this.noteEnd(false, code === errorCode.noError ? 'none' : 'protocol_error');
    this.#reader.stop();
    this.keepalive?.stop();
    this.#blocks.drop();
    if (code !== errorCode.noError) this.stats.n.protocolErrors++;
    this.sendGoaway(this.lastStreamId, code);
    this.life = 'closing';
    this.onFailed(code, detail);
    this.loseAll(code === errorCode.noError ? 'connection_closed' : 'protocol_error', detail);
    if (this.wire.closed) return;
    this.wire.end();
    this.context.timers.start(this, lingerMs);
  }

  /** The connection is being ended for what the peer did. */
  protected onFailed(_code: ErrorCode, _detail: string): void {}

  /** Announces the end without refusing anything yet. */
  protected announceEnd(): void {
    this.life = 'leaving';
    this.sendGoaway(allStreams, errorCode.noError);
    this.writer.ping(pingKind.drain);
  }
}
