import type { Http2Stream } from 'node:http2';
import { decode } from '../codec/decode.ts';
import { encode } from '../codec/encode.ts';
import type { MessageType } from '../codec/message-type.ts';
import { frame, FrameReader } from './framing.ts';
import { GrpcError } from './status.ts';

/** The sending half of a stream of messages, the same for client and server. */
export interface MessageSink<Out> {
  /**
   * Sends a message. False means that the peer reads more slowly than we write: wait for {@link drained}.
   * Nothing is sent on a stream that has ended.
   */
  send(message: Out): boolean;
  /** Sends a message whose encoded form is the parts one after another; large parts are not copied. */
  sendEncoded(parts: readonly Uint8Array[]): boolean;
  /** Resolves when more may be sent, or when the stream is over. */
  drained(): Promise<void>;
  /** Bytes that were sent and that the peer has not taken yet. */
  readonly queuedBytes: number;
}

/** Sends and receives typed messages over an HTTP/2 stream. */
export class MessageStream<In, Out> implements MessageSink<Out> {
  readonly #stream: Http2Stream;
  readonly #outType: MessageType<Out>;
  #reader: FrameReader | undefined;

  constructor(stream: Http2Stream, outType: MessageType<Out>) {
    this.#stream = stream;
    this.#outType = outType;
  }

  send(message: Out): boolean {
    return this.sendEncoded([encode(this.#outType, message)]);
  }

  sendEncoded(parts: readonly Uint8Array[]): boolean {
    const stream = this.#stream;
    if (stream.destroyed || stream.writableEnded) return true;
    const chunks = frame(parts);
    if (chunks.length > 1) {
      stream.cork();
      for (const chunk of chunks) stream.write(chunk);
      stream.uncork();
    } else stream.write(chunks[0]);
    return !stream.writableNeedDrain;
  }

  drained(): Promise<void> {
    const stream = this.#stream;
    if (!stream.writableNeedDrain || stream.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        stream.off('drain', done);
        stream.off('close', done);
        resolve();
      };
      stream.once('drain', done);
      stream.once('close', done);
    });
  }

  get queuedBytes(): number {
    return this.#stream.writableLength;
  }

  /** Stops reading, and with it the peer once its window is full. */
  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  /**
   * Reads messages as they come. `onFailure` is told of malformed input and of what `onMessage` threw; the
   * caller ends the stream then, and nothing more is read.
   */
  read(
    inType: MessageType<In>,
    maxBytes: number,
    onMessage: (message: In) => void,
    onFailure: (error: unknown) => void,
  ): void {
    this.#reader = new FrameReader(maxBytes, (bytes) => {
      const decoded = decode(inType, bytes);
      if (!decoded.ok) {
        const [first] = decoded.problems;
        throw new GrpcError(
          'INTERNAL',
          `malformed ${inType.typeName}: ${first?.path ?? ''}: ${first?.message ?? ''}`,
        );
      }
      onMessage(decoded.value);
    });
    let failed = false;
    this.#stream.on('data', (chunk: Buffer) => {
      if (failed) return;
      try {
        this.#reader?.push(chunk);
      } catch (error) {
        failed = true;
        onFailure(error);
      }
    });
  }

  /** True where the peer may end the stream: no message is half received. */
  get atBoundary(): boolean {
    return this.#reader?.atBoundary ?? true;
  }
}
