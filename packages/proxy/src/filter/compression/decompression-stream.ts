import { constants, createBrotliDecompress, createGunzip, createZstdDecompress } from 'node:zlib';
import type { Decompressor } from '../../model/decompressor.ts';
import type { ZlibStream } from './zlib-transform.ts';

/** A stream that decompresses so; a body that ends too early is what it is until there, as in Envoy. */
export function decompressionStream({ encoding, windowBits, chunkBytes }: Decompressor): ZlibStream {
  const chunkSize = chunkBytes;
  switch (encoding) {
    case 'gzip':
      return { zip: createGunzip({ windowBits, chunkSize, finishFlush: constants.Z_SYNC_FLUSH }) };
    case 'br':
      return { zip: createBrotliDecompress({ chunkSize, finishFlush: constants.BROTLI_OPERATION_FLUSH }) };
    default:
      return { zip: createZstdDecompress({ chunkSize, finishFlush: constants.ZSTD_e_flush }) };
  }
}
