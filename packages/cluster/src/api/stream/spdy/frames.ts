/** A frame of SPDY/3.1, as far as multiplexed byte streams need it. */
export type Frame =
  | { readonly kind: 'data'; readonly streamId: number; readonly fin: boolean; readonly data: Buffer }
  | {
      readonly kind: 'syn-stream';
      readonly streamId: number;
      readonly fin: boolean;
      readonly headers: Buffer;
    }
  | { readonly kind: 'reset'; readonly streamId: number }
  | { readonly kind: 'ping'; readonly id: number }
  | { readonly kind: 'go-away' }
  /** Settings, window updates and the like: nothing depends on them. */
  | { readonly kind: 'other' };

const controlType = { synStream: 1, synReply: 2, reset: 3, ping: 6, goAway: 7 } as const;
const version = 3;
const finFlag = 1;
const headBytes = 8;
const maxFrameBytes = 1024 * 1024;
const streamMask = 0x7fff_ffff;

/** The bytes are not SPDY/3.1. */
export class SpdyError extends Error {}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  #waiting: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): Frame[] {
    let bytes = this.#waiting.length === 0 ? chunk : Buffer.concat([this.#waiting, chunk]);
    const frames: Frame[] = [];
    while (bytes.length >= headBytes) {
      const length = bytes.readUIntBE(5, 3);
      if (length > maxFrameBytes) throw new SpdyError(`a frame of ${length} bytes is too long`);
      if (bytes.length < headBytes + length) break;
      frames.push(parseFrame(bytes.subarray(0, headBytes), bytes.subarray(headBytes, headBytes + length)));
      bytes = bytes.subarray(headBytes + length);
    }
    this.#waiting = bytes;
    return frames;
  }
}

function parseFrame(head: Buffer, body: Buffer): Frame {
  const first = head.readUInt32BE(0);
  const fin = ((head[4] ?? 0) & finFlag) !== 0;
  if (first < 0x8000_0000) return { kind: 'data', streamId: first, fin, data: body };
  if (((first >>> 16) & 0x7fff) !== version) throw new SpdyError('the version of SPDY is not 3');
  const needed = (bytes: number): void => {
    if (body.length < bytes) throw new SpdyError('a frame is cut off');
  };
  switch (first & 0xffff) {
    case controlType.synStream:
      needed(10);
      return {
        kind: 'syn-stream',
        streamId: body.readUInt32BE(0) & streamMask,
        fin,
        headers: body.subarray(10),
      };
    case controlType.reset:
      needed(8);
      return { kind: 'reset', streamId: body.readUInt32BE(0) & streamMask };
    case controlType.ping:
      needed(4);
      return { kind: 'ping', id: body.readUInt32BE(0) };
    case controlType.goAway:
      return { kind: 'go-away' };
    default:
      return { kind: 'other' };
  }
}

function control(type: number, flags: number, body: Buffer): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt16BE(0x8000 | version, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt8(flags, 4);
  head.writeUIntBE(body.length, 5, 3);
  return Buffer.concat([head, body]);
}

function words(...values: number[]): Buffer {
  const body = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) body.writeUInt32BE(value, index * 4);
  return body;
}

export function dataFrame(streamId: number, data: Buffer, fin: boolean): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(streamId, 0);
  head.writeUInt8(fin ? finFlag : 0, 4);
  head.writeUIntBE(data.length, 5, 3);
  return Buffer.concat([head, data]);
}

export function synReplyFrame(streamId: number, headers: Buffer): Buffer {
  return control(controlType.synReply, 0, Buffer.concat([words(streamId), headers]));
}

export function pingFrame(id: number): Buffer {
  return control(controlType.ping, 0, words(id));
}

export function resetFrame(streamId: number, status: number): Buffer {
  return control(controlType.reset, 0, words(streamId, status));
}
