import { constants, createBrotliCompress, createGzip, createZstdCompress } from 'node:zlib';
import type { Compression } from '../../model/compressor.ts';
import type { ZlibStream } from './zlib-transform.ts';

/** A stream that compresses so. */
export function compressionStream(compression: Compression): ZlibStream {
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
