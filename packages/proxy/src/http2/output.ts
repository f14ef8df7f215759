import type { HeaderBlock } from '../codec/header-block.ts';
import type { Http2Counter, Http2Stats } from '../telemetry/http2-stats.ts';
import type { Wire } from '../wire/wire.ts';
import type { Http2ConnectionOptions, Http2Context } from './connection-options.ts';
import { FloodGuard } from './flood-guard.ts';
import { FlowControl } from './flow-control.ts';
import { errorCode, type ErrorCode } from './frame.ts';
import { FrameWriter, pingKind } from './frame-writer.ts';
import { tableSize } from './hpack/decoder.ts';
import { HpackEncoder } from './hpack/encoder.ts';
import { Keepalive } from './keepalive.ts';
import { ownSettings } from './own-settings.ts';
import type { Http2Stream } from './stream.ts';
import { writeTrailers } from './trailers-writer.ts';

/** What an end of an HTTP/2 connection sends: within the windows of its peer, and no more than that one reads. */
export abstract class Http2Output {
  protected readonly wire: Wire;
  protected readonly writer: FrameWriter;
  protected readonly options: Http2ConnectionOptions;
  protected readonly context: Http2Context;
  protected readonly stats: Http2Stats;
  protected readonly encoder = new HpackEncoder();
  /** `leaving`: no new streams; `closing`: nothing is read any more. */
  protected life: 'open' | 'leaving' | 'closing' | 'closed' = 'open';
  protected readonly flow: FlowControl;
  protected readonly floods: FloodGuard;
  protected keepalive: Keepalive | undefined;

  constructor(wire: Wire, options: Http2ConnectionOptions, context: Http2Context, stats: Http2Stats) {
    this.wire = wire;
    this.writer = new FrameWriter(wire);
    this.options = options;
    this.context = context;
    this.stats = stats;
    this.floods = new FloodGuard(options.floodLimits);
    if (options.tableBytes < tableSize) this.encoder.limitTable(options.tableBytes);
    this.flow = new FlowControl(this.writer, options.connectionWindowBytes);
  }

  /** The peer overdoes something that costs us. */
  protected abstract flood(counter: Http2Counter): void;
  /** Ends the connection with an error, and all that is on it. */
  protected abstract fail(code: ErrorCode, detail: string): void;

  /** What a peer may send on a stream before we have taken it. */
  get ownStreamWindow(): number {
    return this.options.streamWindowBytes;
  }

  get isWritable(): boolean {
    return this.wire.writable;
  }

  protected sendSettings(values: readonly (readonly [number, number])[]): void {
    const { keepalive } = this.options;
    this.writer.settings(ownSettings(values, this.options));
    this.flow.open();
    if (keepalive === undefined) return;
    this.keepalive = new Keepalive(keepalive, this.context, {
      ping: () => {
        if (!this.#isSilent) this.writer.ping(pingKind.keepalive);
      },
      onDead: () => {
        this.stats.n.keepaliveTimeout++;
        this.fail(errorCode.noError, 'a PING was not answered');
      },
    });
  }

  /** A stream begins; a connection that was silent for long is asked whether it lives. */
  protected noteStream(): void {
    this.keepalive?.onStream(this.context.turn.nowMs);
  }

  get #isSilent(): boolean {
    return this.life === 'closing' || this.life === 'closed';
  }

  sendWindowUpdate(streamId: number, more: number): number {
    return this.#isSilent ? 0 : this.writer.windowUpdate(streamId, more);
  }

  sendReset(streamId: number, code: ErrorCode): void {
    if (this.#isSilent) return;
    this.stats.n.txReset++;
    this.writer.reset(streamId, code);
    this.guardOutput();
  }

  countBroken(): void {
    this.stats.n.rxMessagingError++;
  }

  protected sendGoaway(lastStreamId: number, code: ErrorCode): void {
    this.stats.n.goawaySent++;
    this.writer.goaway(lastStreamId, code);
  }

  /** Sends as much as the windows allow; says how much. */
  sendData(stream: Http2Stream, buffer: Uint8Array, start: number, end: number): number {
    const sent = this.flow.send(stream, buffer, start, end);
    this.floods.windowUpdate.earn(this.floods.windowUpdatesPerData);
    this.floods.ping.earn(1);
    return sent;
  }

  sendEnd(streamId: number): number {
    return this.writer.end(streamId);
  }

  sendTrailers(streamId: number, trailers: HeaderBlock): number {
    return writeTrailers(this.writer, this.encoder, streamId, trailers);
  }

  /** Notes that a stream has data which the windows do not allow yet. */
  wait(stream: Http2Stream): void {
    this.flow.wait(stream);
  }

  /** Bytes of DATA are in other hands: the peer may send as many again. */
  giveBack(bytes: number): void {
    const more = this.flow.giveBack(bytes);
    if (more > 0) this.sendWindowUpdate(0, more);
  }

  /** A peer that makes us answer but does not read would fill our memory. */
  protected guardOutput(): void {
    if (this.wire.pendingBytes > this.floods.maxPendingControlBytes) this.flood('outboundControlFlood');
  }
}
