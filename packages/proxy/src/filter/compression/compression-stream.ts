import type { Transform } from 'node:stream';
import { constants, createBrotliCompress, createGzip, createZstdCompress } from 'node:zlib';
import type { HeaderBlock } from '../../codec/header-block.ts';
import type { Compression } from '../../model/compressor.ts';
import type { BodyOutput, BodyTransform, FilterExchange } from '../http-filter.ts';

/** So much may wait to be compressed before its sender has to. */
const maxWaitingBytes = 64 * 1024;

/** A stream of node:zlib. */
type ZlibStream = Transform & { flush(kind: number, run: () => void): void };

/** A stream for this compression, and how it is told to give out all it has. */
function streamFor(compression: Compression): { readonly zip: ZlibStream; readonly flushKind: number } {
  const { kind, chunkBytes: chunkSize } = compression;
  switch (kind) {
    case 'gzip': {
      const { level, memoryLevel: memLevel, strategy, windowBits } = compression;
      const zip = createGzip({ level, memLevel, strategy, windowBits, chunkSize });
      return { zip, flushKind: constants.Z_SYNC_FLUSH };
    }
    case 'br': {
      const params = {
        [constants.BROTLI_PARAM_QUALITY]: compression.quality,
        [constants.BROTLI_PARAM_MODE]: compression.mode,
        [constants.BROTLI_PARAM_LGWIN]: compression.windowBits,
        [constants.BROTLI_PARAM_LGBLOCK]: compression.inputBlockBits,
        [constants.BROTLI_PARAM_DISABLE_LITERAL_CONTEXT_MODELING]: !compression.literalContextModeling,
      };
      const zip = createBrotliCompress({ chunkSize, params });
      return { zip, flushKind: constants.BROTLI_OPERATION_FLUSH };
    }
    default: {
      const params = {
        [constants.ZSTD_c_compressionLevel]: compression.level,
        [constants.ZSTD_c_checksumFlag]: compression.checksum ? 1 : 0,
        ...(compression.strategy === 0 ? {} : { [constants.ZSTD_c_strategy]: compression.strategy }),
      };
      const zip = createZstdCompress({ chunkSize, params });
      return { zip, flushKind: constants.ZSTD_e_flush };
    }
  }
}

/** Counts what goes in and what comes out. */
export interface CompressedBytes {
  uncompressedBytes: number;
  compressedBytes: number;
}

/** Compresses a body; what has come is given out as soon as nothing more has, so that no part of an answer is held. */
export class Compressing implements BodyTransform {
  readonly #zip: ZlibStream;
  readonly #flushKind: number;
  readonly #exchange: FilterExchange;
  readonly #counts: CompressedBytes;
  #output: BodyOutput | undefined;
  #trailers: HeaderBlock | undefined;
  #flushing = false;
  #unflushed = false;
  #paused = false;

  constructor(exchange: FilterExchange, compression: Compression, counts: CompressedBytes) {
    const { zip, flushKind } = streamFor(compression);
    this.#zip = zip;
    this.#flushKind = flushKind;
    this.#exchange = exchange;
    this.#counts = counts;
    zip.on('data', (chunk: Buffer) => this.#give(chunk));
    zip.on('end', () => exchange.inTurn(() => this.#output?.end(this.#trailers)));
    // A stream that is given up in the middle of its work says so; nobody waits for it any more.
    zip.on('error', () => {});
    exchange.atEnd(() => void zip.destroy());
  }

  #give(chunk: Buffer): void {
    this.#counts.compressedBytes += chunk.length;
    this.#exchange.inTurn(() => this.#output?.data(chunk, 0, chunk.length));
  }

  data(buffer: Buffer, start: number, end: number, output: BodyOutput): void {
    if (start === end) return;
    this.#output = output;
    this.#counts.uncompressedBytes += end - start;
    this.#zip.write(Buffer.from(buffer.subarray(start, end)));
    this.#unflushed = true;
    if (!this.#flushing) this.#flush();
    if (!this.#paused && this.#zip.writableLength > maxWaitingBytes) {
      this.#paused = true;
      output.pause();
    }
  }

  #flush(): void {
    this.#unflushed = false;
    this.#flushing = true;
    this.#zip.flush(this.#flushKind, () => {
      this.#flushing = false;
      if (this.#zip.destroyed || this.#zip.writableEnded) return;
      if (this.#unflushed) this.#flush();
      if (this.#paused && this.#zip.writableLength <= maxWaitingBytes) {
        this.#paused = false;
        this.#exchange.inTurn(() => this.#output?.resume());
      }
    });
  }

  end(trailers: HeaderBlock | undefined, output: BodyOutput): void {
    this.#output = output;
    this.#trailers = trailers;
    this.#zip.end();
  }
}
