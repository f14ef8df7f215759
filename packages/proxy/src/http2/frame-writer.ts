import { copyBytes } from '../wire/copy-bytes.ts';
import type { Wire } from '../wire/wire.ts';
import {
  defaultMaxFrameBytes,
  frameFlag,
  frameHeaderBytes,
  frameType,
  putFrameHeader,
  putUint32,
  type ErrorCode,
} from './frame.ts';

const settingBytes = 6;

/** What a PING of ours is for: the first byte of its content. */
export const pingKind = { drain: 0, keepalive: 1 } as const;

/** Writes frames to a connection, straight into the output of the turn. */
export class FrameWriter {
  readonly #wire: Wire;
  #blockAt = 0;
  /** Where the DATA frame written last ends in the turn's output, and where its flags are: so that it can be made the last. */
  #lastDataEnd = -1;
  #lastDataId = 0;
  #lastDataFlagsAt = 0;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  get output(): Buffer {
    return this.#wire.output;
  }

  settings(values: readonly (readonly [number, number])[]): void {
    const length = values.length * settingBytes;
    let at = this.#begin(length, frameType.settings, 0, 0);
    for (const [id, value] of values) {
      this.output.writeUInt16BE(id, at);
      at = putUint32(this.output, at + 2, value);
    }
    this.#commit(at);
  }

  settingsAck(): void {
    this.#commit(this.#begin(0, frameType.settings, frameFlag.ack, 0));
  }

  /** Returns the bytes of the frame. */
  windowUpdate(streamId: number, more: number): number {
    this.#commit(putUint32(this.output, this.#begin(4, frameType.windowUpdate, 0, streamId), more));
    return frameHeaderBytes + 4;
  }

  reset(streamId: number, code: ErrorCode): void {
    this.#commit(putUint32(this.output, this.#begin(4, frameType.rstStream, 0, streamId), code));
  }

  /** Sends a PING that its answer can be told by. */
  ping(kind: number): void {
    const at = this.#begin(8, frameType.ping, 0, 0);
    this.output.fill(0, at, at + 8);
    this.output[at] = kind;
    this.#commit(at + 8);
  }

  /** Answers a PING whose content is `buffer[start, start + 8)`. */
  pingAck(buffer: Buffer, start: number): void {
    const at = this.#begin(8, frameType.ping, frameFlag.ack, 0);
    buffer.copy(this.output, at, start, start + 8);
    this.#commit(at + 8);
  }

  goaway(lastStreamId: number, code: ErrorCode): void {
    const at = this.#begin(8, frameType.goaway, 0, 0);
    this.#commit(putUint32(this.output, putUint32(this.output, at, lastStreamId), code));
  }

  /** Writes one DATA frame with `buffer[start, end)`. */
  data(streamId: number, buffer: Uint8Array, start: number, end: number): void {
    const length = end - start;
    const body = this.#begin(length, frameType.data, 0, streamId);
    const { output } = this;
    if (length <= 64) {
      for (let i = 0; i < length; i++) output[body + i] = buffer[start + i] as number;
    } else {
      copyBytes(buffer, start, end, output, body);
    }
    this.#wire.commit(body + length);
    this.#lastDataEnd = body + length;
    this.#lastDataId = streamId;
    this.#lastDataFlagsAt = body - frameHeaderBytes + 4;
  }

  /** Ends a stream: by the DATA frame that was just written, where it has not left yet, else by an empty one. Returns the bytes that are added. */
  end(streamId: number): number {
    // What has left does not lie there any more: a flush sets the offset back, and each frame moves it on.
    if (this.#wire.claim(frameHeaderBytes) === this.#lastDataEnd && this.#lastDataId === streamId) {
      this.output[this.#lastDataFlagsAt] = frameFlag.endStream;
      this.#lastDataEnd = -1;
      return 0;
    }
    this.#commit(this.#begin(0, frameType.data, frameFlag.endStream, streamId));
    return frameHeaderBytes;
  }

  /** Makes room for a block of fields; write it from the returned offset on, then call {@link endBlock}. */
  beginBlock(bytes: number): number {
    this.#blockAt = this.#wire.claim(frameHeaderBytes + bytes);
    return this.#blockAt + frameHeaderBytes;
  }

  /** Sends the block that was written up to `end`: as one frame, or as several where it is longer than a frame. Returns their bytes. */
  endBlock(end: number, streamId: number, endStream: boolean): number {
    const { output } = this;
    const at = this.#blockAt;
    const body = at + frameHeaderBytes;
    const length = end - body;
    const last = endStream ? frameFlag.endStream : 0;
    if (length <= defaultMaxFrameBytes) {
      putFrameHeader(output, at, length, frameType.headers, last | frameFlag.endHeaders, streamId);
      this.#commit(end);
      return end - at;
    }
    const block = Buffer.from(output.subarray(body, end));
    for (let from = 0; from < block.length; from += defaultMaxFrameBytes) {
      const to = Math.min(from + defaultMaxFrameBytes, block.length);
      const type = from === 0 ? frameType.headers : frameType.continuation;
      const flags = (from === 0 ? last : 0) | (to === block.length ? frameFlag.endHeaders : 0);
      const into = this.#begin(to - from, type, flags, streamId);
      block.copy(this.output, into, from, to);
      this.#commit(into + to - from);
    }
    return length + frameHeaderBytes * Math.ceil(length / defaultMaxFrameBytes);
  }

  /** Writes the header of a frame; returns where its payload goes. */
  #begin(length: number, type: number, flags: number, streamId: number): number {
    const at = this.#wire.claim(frameHeaderBytes + length);
    return putFrameHeader(this.#wire.output, at, length, type, flags, streamId);
  }

  #commit(end: number): void {
    this.#lastDataEnd = -1;
    this.#wire.commit(end);
  }
}
