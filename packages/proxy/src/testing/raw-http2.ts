import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { clientPreface, frameFlag, frameHeaderBytes, frameType, putFrameHeader } from '../http2/frame.ts';
import { FrameReader } from '../http2/frame-reader.ts';
import { HpackDecoder } from '../http2/hpack/decoder.ts';
import { FieldNames } from '../http2/hpack/field-name.ts';
import { tcpUpstream, type Closers } from './harness.ts';

export { frameFlag, frameType };

/** A frame as a test sees it. */
export interface SeenFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

/** One frame as bytes. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes + payload.length);
  putFrameHeader(bytes, 0, payload.length, type, flags, streamId);
  bytes.set(payload, frameHeaderBytes);
  return bytes;
}

/** A 32-bit number as bytes. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A string of HPACK, not compressed, of less than 16,000 bytes. */
function string(text: string): Buffer {
  const { length } = text;
  const rest = length - 127;
  const prefix = rest < 0 ? [length] : [127, (rest & 127) | 128, rest >> 7];
  return Buffer.concat([Buffer.from(prefix), Buffer.from(text, 'latin1')]);
}

/** Fields as literals that are not indexed, exactly as given. */
export function literals(fields: readonly (readonly [string, string])[]): Buffer {
  const parts = fields.flatMap(([name, value]) => [Buffer.from([0]), string(name), string(value)]);
  return Buffer.concat(parts);
}

export const goodHead: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'svc'],
];

/** Frames of one side of a connection, as far as they can be read. */
export class SeenFrames {
  readonly frames: SeenFrame[] = [];
  readonly #decoder = new HpackDecoder(new FieldNames());
  readonly #reader: FrameReader;

  constructor() {
    let data: { streamId: number; flags: number; parts: Buffer[] } | undefined;
    const keep = (type: number, flags: number, streamId: number, payload: Buffer): void =>
      void this.frames.push({ type, flags, streamId, payload });
    this.#reader = new FrameReader({
      onDataFrame: (streamId, _length, flags) => (data = { streamId, flags, parts: [] }),
      onDataBytes: (buffer, start, end) => data?.parts.push(Buffer.from(buffer.subarray(start, end))),
      onDataFrameEnd: () =>
        keep(frameType.data, data?.flags ?? 0, data?.streamId ?? 0, Buffer.concat(data?.parts ?? [])),
      onFrame: (type, flags, streamId, buffer, start, end) =>
        keep(type, flags, streamId, Buffer.from(buffer.subarray(start, end))),
      // What is no HTTP/2 gives no frames.
      onFrameFault: () => {},
    });
  }

  read(chunk: Buffer): void {
    this.#reader.read(chunk, 0, chunk.length);
  }

  /** Fields of a frame of type HEADERS. */
  fields(seen: SeenFrame): Record<string, string> {
    const fields: Record<string, string> = {};
    this.#decoder.decode(seen.payload, 0, seen.payload.length, {
      onField: (field) => (fields[field.name.lower] = field.text),
      onLiteral: (name, source, start, end) => (fields[name.lower] = source.toString('latin1', start, end)),
    });
    return fields;
  }
}

/** A client that writes frames by hand. */
export class RawClient {
  readonly #socket: Socket;
  readonly #seen = new SeenFrames();
  closed = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#seen.read(chunk);
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
      this.#wake();
    });
  }

  static async connect(test: Closers, port: number, preface: Buffer = clientPreface): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1' });
    test.after(() => socket.destroy());
    await once(socket, 'connect');
    const client = new RawClient(socket);
    client.send(preface, frame(frameType.settings, 0, 0));
    return client;
  }

  get frames(): SeenFrame[] {
    return this.#seen.frames;
  }

  /** Vanishes. */
  destroy(): void {
    this.#socket.destroy();
  }

  send(...bytes: readonly Buffer[]): void {
    if (!this.closed) this.#socket.write(Buffer.concat(bytes));
  }

  /** Waits for a frame that was not waited for before; fails where the connection closes without. */
  async expect(test: (frame: SeenFrame) => boolean): Promise<SeenFrame> {
    for (;;) {
      const at = this.frames.findIndex(test);
      if (at >= 0) return this.frames.splice(at, 1)[0] as SeenFrame;
      if (this.closed) throw new Error('the connection was closed without such a frame');
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** Waits until the proxy closes, and says with which code it did. */
  async goawayCode(): Promise<number> {
    const { payload } = await this.expect((f) => f.type === frameType.goaway);
    return payload.readUInt32BE(4);
  }

  /** Fields of a frame of type HEADERS. */
  fields(seen: SeenFrame): Record<string, string> {
    return this.#seen.fields(seen);
  }
}

/** A HEADERS frame of a whole head. */
export function headersFrame(
  streamId: number,
  fields: readonly (readonly [string, string])[],
  endStream = true,
): Buffer {
  const flags = frameFlag.endHeaders | (endStream ? frameFlag.endStream : 0);
  return frame(frameType.headers, flags, streamId, literals(fields));
}

/** A head without a body in as many frames as it needs, none larger than 16,000 bytes. */
export function headersInFrames(
  streamId: number,
  fields: readonly (readonly [string, string])[],
): readonly Buffer[] {
  const block = literals(fields);
  const frames: Buffer[] = [];
  for (let at = 0; at < block.length; at += 16_000) {
    const [type, first] = at === 0 ? [frameType.headers, frameFlag.endStream] : [frameType.continuation, 0];
    const last = at + 16_000 >= block.length ? frameFlag.endHeaders : 0;
    frames.push(frame(type, first | last, streamId, block.subarray(at, at + 16_000)));
  }
  return frames;
}

/** An endpoint of HTTP/2 that answers with frames made by hand. */
export interface RawHttp2Endpoint {
  readonly socket: Socket;
  send(...frames: readonly Buffer[]): void;
}

/** An endpoint that calls back for the head of each request; answers with its port. */
export function rawHttp2Upstream(
  test: Closers,
  onRequest: (endpoint: RawHttp2Endpoint, streamId: number) => void,
): Promise<number> {
  return tcpUpstream(test, (socket) => {
    const endpoint: RawHttp2Endpoint = {
      socket,
      send: (...frames) => void socket.write(Buffer.concat(frames)),
    };
    const reader = new FrameReader({
      onDataFrame() {},
      onDataBytes() {},
      onDataFrameEnd() {},
      onFrame: (type, flags, streamId) => {
        if (type === frameType.headers) onRequest(endpoint, streamId);
        else if (type === frameType.settings && flags === 0) {
          endpoint.send(frame(frameType.settings, frameFlag.ack, 0));
        }
      },
      onFrameFault() {},
    });
    let preface = clientPreface.length;
    endpoint.send(frame(frameType.settings, 0, 0));
    socket.on('data', (chunk: Buffer) => {
      const skipped = Math.min(preface, chunk.length);
      preface -= skipped;
      reader.read(chunk, skipped, chunk.length);
    });
    socket.on('end', () => socket.end());
  });
}
