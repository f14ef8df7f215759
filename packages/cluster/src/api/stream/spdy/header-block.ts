import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib';
import { headerDictionary } from './dictionary.ts';
import { SpdyError } from './frames.ts';

const maxHeaderBytes = 64 * 1024;
const maxHeaders = 100;

/** Compresses and decompresses the headers of one connection: each block continues where the last one ended. */
export class HeaderBlocks {
  readonly #inflate: Inflate;
  readonly #deflate: Deflate;

  constructor() {
    const options = { dictionary: headerDictionary, flush: constants.Z_SYNC_FLUSH };
    this.#inflate = createInflate(options);
    this.#deflate = createDeflate(options);
    this.#inflate.on('error', () => {});
    this.#deflate.on('error', () => {});
  }

  async decode(block: Buffer): Promise<Map<string, string>> {
    return parseHeaders(await through(this.#inflate, block));
  }

  encode(headers: ReadonlyMap<string, string>): Promise<Buffer> {
    const parts: Buffer[] = [counted(headers.size)];
    for (const [name, value] of headers) {
      for (const text of [name, value]) parts.push(counted(Buffer.byteLength(text)), Buffer.from(text));
    }
    return through(this.#deflate, Buffer.concat(parts));
  }

  close(): void {
    this.#inflate.destroy();
    this.#deflate.destroy();
  }
}

function counted(number: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}

/** All that a block gives; the next block waits for its end. */
function through(codec: Inflate | Deflate, block: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= maxHeaderBytes) chunks.push(chunk);
      else {
        // A small block can stand for a large text: what comes after is not even decompressed.
        codec.destroy();
        finish(new SpdyError('headers are too long'));
      }
    };
    const onError = (error: Error): void =>
      finish(new SpdyError(`headers are not readable: ${error.message}`));
    const finish = (error?: Error): void => {
      codec.off('data', onData);
      codec.off('error', onError);
      if (error !== undefined) reject(error);
      else resolve(Buffer.concat(chunks));
    };
    codec.on('data', onData);
    codec.on('error', onError);
    codec.write(block, (error) => {
      if (error === null || error === undefined) finish();
    });
  });
}

function parseHeaders(block: Buffer): Map<string, string> {
  let at = 0;
  const number = (): number => {
    if (at + 4 > block.length) throw new SpdyError('headers are cut off');
    const value = block.readUInt32BE(at);
    at += 4;
    return value;
  };
  const text = (): string => {
    const length = number();
    if (at + length > block.length) throw new SpdyError('headers are cut off');
    at += length;
    return block.toString('utf8', at - length, at);
  };
  const count = number();
  if (count > maxHeaders) throw new SpdyError(`${count} headers are too many`);
  const headers = new Map<string, string>();
  for (let i = 0; i < count; i++) {
    const name = text().toLowerCase();
    headers.set(name, text());
  }
  return headers;
}
