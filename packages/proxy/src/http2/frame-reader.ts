import { defaultMaxFrameBytes, frameFlag, frameHeaderBytes, frameType } from './frame.ts';

/** Hears frames. Buffers are valid only during the call. */
export interface FrameSink {
  /** A DATA frame begins; `length` counts against flow control. Its bytes follow. */
  onDataFrame(streamId: number, length: number, flags: number): void;
  /** Bytes of the DATA frame under way, without padding. */
  onDataBytes(buffer: Buffer, start: number, end: number): void;
  /** The DATA frame is complete. `padding` is what of its length was no data. */
  onDataFrameEnd(padding: number): void;
  /** A whole frame of any other type; its payload is `buffer[start, end)`. */
  onFrame(type: number, flags: number, streamId: number, buffer: Buffer, start: number, end: number): void;
  /** The frames cannot be followed any more. */
  onFrameFault(fault: FrameFault): void;
}

export type FrameFault = 'too_long' | 'bad_padding';

type State = 'header' | 'payload' | 'pad_length' | 'data' | 'padding' | 'stopped';

/**
 * Cuts bytes into frames (RFC 9113 section 4), wherever the network has cut them. The bytes of DATA frames
 * are passed on as they come; other frames, which are short, when they are whole.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #header = Buffer.alloc(frameHeaderBytes);
  #headerHas = 0;
  #state: State = 'header';
  #type = 0;
  #flags = 0;
  #streamId = 0;
  #payload: Buffer | undefined;
  #payloadHas = 0;
  /** Bytes of the DATA frame (without what is padding) that are still to come. */
  #dataLeft = 0;
  #paddingLeft = 0;
  #overhead = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Reads no further frame. */
  stop(): void {
    this.#state = 'stopped';
    this.#payload = undefined;
  }

  read(buffer: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      switch (this.#state) {
        case 'header':
          at = this.#readHeader(buffer, at, end);
          break;
        case 'payload':
          at = this.#readPayload(buffer, at, end);
          break;
        case 'pad_length': {
          const padding = buffer[at++] as number;
          if (padding > this.#dataLeft) {
            this.#fault('bad_padding');
            return;
          }
          this.#paddingLeft = padding;
          this.#dataLeft -= padding;
          this.#overhead = padding + 1;
          this.#state = 'data';
          if (this.#dataLeft === 0) this.#dataDone();
          break;
        }
        case 'data': {
          const from = at;
          at += Math.min(this.#dataLeft, end - at);
          this.#dataLeft -= at - from;
          this.#sink.onDataBytes(buffer, from, at);
          if (this.#dataLeft === 0 && this.#isReading()) this.#dataDone();
          break;
        }
        case 'padding': {
          const taken = Math.min(this.#paddingLeft, end - at);
          at += taken;
          this.#paddingLeft -= taken;
          if (this.#paddingLeft === 0) this.#frameDone();
          break;
        }
        case 'stopped':
          return;
      }
    }
  }

  /** False once a callback has called {@link stop}. */
  #isReading(): boolean {
    return this.#state !== 'stopped';
  }

  #readHeader(buffer: Buffer, start: number, end: number): number {
    let at = start;
    let header = buffer;
    let from = at;
    if (this.#headerHas === 0 && end - at >= frameHeaderBytes) {
      at += frameHeaderBytes;
    } else {
      const taken = Math.min(frameHeaderBytes - this.#headerHas, end - at);
      buffer.copy(this.#header, this.#headerHas, at, at + taken);
      this.#headerHas += taken;
      at += taken;
      if (this.#headerHas < frameHeaderBytes) return at;
      header = this.#header;
      from = 0;
      this.#headerHas = 0;
    }
    const length =
      ((header[from] as number) << 16) | ((header[from + 1] as number) << 8) | (header[from + 2] as number);
    this.#type = header[from + 3] as number;
    this.#flags = header[from + 4] as number;
    this.#streamId = header.readUInt32BE(from + 5) & 0x7fffffff;
    if (length > defaultMaxFrameBytes) {
      this.#fault('too_long');
      return end;
    }
    if (this.#type === frameType.data) {
      this.#beginData(length);
      return at;
    }
    if (end - at >= length) {
      this.#sink.onFrame(this.#type, this.#flags, this.#streamId, buffer, at, at + length);
      return at + length;
    }
    this.#payload = Buffer.allocUnsafe(length);
    this.#payloadHas = 0;
    this.#state = 'payload';
    return at;
  }

  #readPayload(buffer: Buffer, at: number, end: number): number {
    const payload = this.#payload as Buffer;
    const taken = Math.min(payload.length - this.#payloadHas, end - at);
    buffer.copy(payload, this.#payloadHas, at, at + taken);
    this.#payloadHas += taken;
    if (this.#payloadHas === payload.length) {
      this.#payload = undefined;
      this.#state = 'header';
      this.#sink.onFrame(this.#type, this.#flags, this.#streamId, payload, 0, payload.length);
    }
    return at + taken;
  }

  #beginData(length: number): void {
    this.#dataLeft = length;
    this.#paddingLeft = 0;
    this.#overhead = 0;
    const padded = (this.#flags & frameFlag.padded) !== 0;
    if (padded && length === 0) {
      this.#fault('bad_padding');
      return;
    }
    if (padded) this.#dataLeft = length - 1;
    this.#state = padded ? 'pad_length' : 'data';
    this.#sink.onDataFrame(this.#streamId, length, this.#flags);
    if (length === 0 && this.#isReading()) this.#dataDone();
  }

  #dataDone(): void {
    if (this.#paddingLeft > 0) this.#state = 'padding';
    else this.#frameDone();
  }

  #frameDone(): void {
    this.#state = 'header';
    this.#sink.onDataFrameEnd(this.#overhead);
  }

  #fault(fault: FrameFault): void {
    this.stop();
    this.#sink.onFrameFault(fault);
  }
}
