import type { TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import { Brotli } from '@lateen/protocol/envoy/extensions/compression/brotli/compressor/v3';
import { Gzip } from '@lateen/protocol/envoy/extensions/compression/gzip/compressor/v3';
import { Zstd } from '@lateen/protocol/envoy/extensions/compression/zstd/compressor/v3';
import * as compressor from '@lateen/protocol/envoy/extensions/filters/http/compressor/v3';
import type { Compression, Compressor, HttpFilterConfig } from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';
import { typeNameOf } from './typed-any.ts';

const filterPolicy = fieldPolicy(compressor.Compressor, [
  'contentLength',
  'contentType',
  'disableOnEtagHeader',
  'removeAcceptEncodingHeader',
  'runtimeEnabled',
  'compressorLibrary',
  'requestDirectionConfig',
  'responseDirectionConfig',
  'chooseFirst',
]);
const commonPolicy = fieldPolicy(compressor.Compressor_CommonDirectionConfig, [
  'enabled',
  'minContentLength',
  'contentType',
]);
const requestPolicy = fieldPolicy(compressor.Compressor_RequestDirectionConfig, ['commonConfig']);
const responsePolicy = fieldPolicy(compressor.Compressor_ResponseDirectionConfig, [
  'commonConfig',
  'disableOnEtagHeader',
  'removeAcceptEncodingHeader',
]);
const routePolicy = fieldPolicy(compressor.CompressorPerRoute, ['disabled', 'overrides']);
const overridesPolicy = fieldPolicy(compressor.CompressorOverrides, ['responseDirectionConfig']);
const responseOverridesPolicy = fieldPolicy(compressor.ResponseDirectionOverrides, [
  'removeAcceptEncodingHeader',
]);
const gzipPolicy = fieldPolicy(Gzip, [
  'memoryLevel',
  'compressionLevel',
  'compressionStrategy',
  'windowBits',
  'chunkSize',
]);
const brotliPolicy = fieldPolicy(Brotli, [
  'quality',
  'encoderMode',
  'windowBits',
  'inputBlockBits',
  'chunkSize',
  'disableLiteralContextModeling',
]);
const zstdPolicy = fieldPolicy(Zstd, ['compressionLevel', 'enableChecksum', 'strategy', 'chunkSize']);

export const compressorPolicies = [
  filterPolicy,
  commonPolicy,
  requestPolicy,
  responsePolicy,
  routePolicy,
  overridesPolicy,
  responseOverridesPolicy,
  gzipPolicy,
  brotliPolicy,
  zstdPolicy,
];

/** Envoy's, where none are named. */
const defaultTypes = [
  'application/javascript',
  'application/json',
  'application/xhtml+xml',
  'image/svg+xml',
  'text/css',
  'text/html',
  'text/plain',
  'text/xml',
];

const gzipLevels: Readonly<Record<string, number>> = {
  DEFAULT_COMPRESSION: -1,
  BEST_SPEED: 1,
  COMPRESSION_LEVEL_1: 1,
  COMPRESSION_LEVEL_2: 2,
  COMPRESSION_LEVEL_3: 3,
  COMPRESSION_LEVEL_4: 4,
  COMPRESSION_LEVEL_5: 5,
  COMPRESSION_LEVEL_6: 6,
  COMPRESSION_LEVEL_7: 7,
  COMPRESSION_LEVEL_8: 8,
  COMPRESSION_LEVEL_9: 9,
  BEST_COMPRESSION: 9,
};
const gzipStrategies: Readonly<Record<string, number>> = {
  DEFAULT_STRATEGY: 0,
  FILTERED: 1,
  HUFFMAN_ONLY: 2,
  RLE: 3,
  FIXED: 4,
};
const brotliModes: Readonly<Record<string, number>> = { DEFAULT: 0, GENERIC: 0, TEXT: 1, FONT: 2 };
const zstdStrategies: Readonly<Record<string, number>> = {
  DEFAULT: 0,
  FAST: 1,
  DFAST: 2,
  GREEDY: 3,
  LAZY: 4,
  LAZY2: 5,
  BTLAZY2: 6,
  BTOPT: 7,
  BTULTRA: 8,
  BTULTRA2: 9,
};

function between(scope: Scope, value: number, least: number, most: number): number {
  if (value < least || value > most) scope.fail(`must be from ${least} to ${most}`);
  return value;
}

function decodeLibrary(scope: Scope, message: TypedExtensionConfig | undefined): Compression {
  const any = message?.typedConfig;
  const at = scope.at('typedConfig');
  const chunkBytes = (value = 4_096): number => between(at.at('chunkSize'), value, 4_096, 65_536);
  if (typeNameOf(any) === Gzip.typeName) {
    const gzip = at.unpack(Gzip, any) ?? {};
    at.check(gzipPolicy, gzip);
    return {
      kind: 'gzip',
      level: at.at('compressionLevel').choice(gzip.compressionLevel, gzipLevels, -1),
      memoryLevel: between(at.at('memoryLevel'), gzip.memoryLevel ?? 5, 1, 9),
      strategy: at.at('compressionStrategy').choice(gzip.compressionStrategy, gzipStrategies, 0),
      windowBits: between(at.at('windowBits'), gzip.windowBits ?? 12, 9, 15),
      chunkBytes: chunkBytes(gzip.chunkSize),
    };
  }
  if (typeNameOf(any) === Brotli.typeName) {
    const brotli = at.unpack(Brotli, any) ?? {};
    at.check(brotliPolicy, brotli);
    return {
      kind: 'br',
      quality: between(at.at('quality'), brotli.quality ?? 3, 0, 11),
      mode: at.at('encoderMode').choice(brotli.encoderMode, brotliModes, 0),
      windowBits: between(at.at('windowBits'), brotli.windowBits ?? 18, 10, 24),
      inputBlockBits: between(at.at('inputBlockBits'), brotli.inputBlockBits ?? 24, 16, 24),
      literalContextModeling: brotli.disableLiteralContextModeling !== true,
      chunkBytes: chunkBytes(brotli.chunkSize),
    };
  }
  if (typeNameOf(any) === Zstd.typeName) {
    const zstd = at.unpack(Zstd, any) ?? {};
    at.check(zstdPolicy, zstd);
    return {
      kind: 'zstd',
      level: between(at.at('compressionLevel'), zstd.compressionLevel ?? 3, 1, 22),
      checksum: zstd.enableChecksum ?? false,
      strategy: at.at('strategy').choice(zstd.strategy, zstdStrategies, 0),
      chunkBytes: chunkBytes(zstd.chunkSize),
    };
  }
  scope.fail('must be gzip, brotli or zstd');
  return decodeDefaultLibrary();
}

function decodeDefaultLibrary(): Compression {
  return { kind: 'gzip', level: -1, memoryLevel: 5, strategy: 0, windowBits: 12, chunkBytes: 4_096 };
}

function typesOf(types: readonly string[] = []): ReadonlySet<string> {
  return new Set((types.length === 0 ? defaultTypes : types).map((one) => one.toLowerCase()));
}

/** The compressor of a chain. */
export function decodeCompressor(scope: Scope, message: compressor.Compressor): Compressor {
  scope.check(filterPolicy, message);
  const request = message.requestDirectionConfig;
  const requestAt = scope.at('requestDirectionConfig');
  requestAt.check(requestPolicy, request ?? {});
  const requestCommon = request?.commonConfig ?? {};
  requestAt.at('commonConfig').check(commonPolicy, requestCommon);
  const response = message.responseDirectionConfig;
  const at = scope.at('responseDirectionConfig');
  at.check(responsePolicy, response ?? {});
  const common = response?.commonConfig ?? {};
  at.at('commonConfig').check(commonPolicy, common);
  const flag = response === undefined ? message.runtimeEnabled : common.enabled;
  return {
    libraryName: message.compressorLibrary?.name ?? '',
    compression: decodeLibrary(scope.at('compressorLibrary'), message.compressorLibrary),
    enabled: flag === undefined ? () => true : scope.flag(flag),
    minContentBytes: (response === undefined ? message.contentLength : common.minContentLength) ?? 30,
    contentTypes: typesOf(response === undefined ? message.contentType : common.contentType),
    disableOnEtag: (response ?? message).disableOnEtagHeader ?? false,
    removeAcceptEncoding: (response ?? message).removeAcceptEncodingHeader ?? false,
    chooseFirst: message.chooseFirst ?? false,
    hasDirection: response !== undefined,
    ...(request === undefined
      ? {}
      : {
          request: {
            enabled: requestCommon.enabled === undefined ? () => true : scope.flag(requestCommon.enabled),
            minContentBytes: requestCommon.minContentLength ?? 30,
            contentTypes: typesOf(requestCommon.contentType),
          },
        }),
  };
}

/** What a route changes of it. */
export function decodeCompressorRoute(
  scope: Scope,
  message: compressor.CompressorPerRoute,
): HttpFilterConfig {
  scope.check(routePolicy, message);
  if (message.disabled === true) return { kind: 'disabled' };
  const overrides = message.overrides ?? {};
  const at = scope.at('overrides');
  at.check(overridesPolicy, overrides);
  const { responseDirectionConfig } = overrides;
  // Overrides that say nothing leave the filter as it is.
  if (responseDirectionConfig === undefined) return { kind: 'none' };
  at.at('responseDirectionConfig').check(responseOverridesPolicy, responseDirectionConfig);
  const { removeAcceptEncodingHeader } = responseDirectionConfig;
  const settings =
    removeAcceptEncodingHeader === undefined ? {} : { removeAcceptEncoding: removeAcceptEncodingHeader };
  return { kind: 'compressor_route', settings };
}
