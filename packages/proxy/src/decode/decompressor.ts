import type { TypedExtensionConfig } from '@lateen/protocol/envoy/config/core/v3';
import { Brotli } from '@lateen/protocol/envoy/extensions/compression/brotli/decompressor/v3';
import { Gzip } from '@lateen/protocol/envoy/extensions/compression/gzip/decompressor/v3';
import { Zstd } from '@lateen/protocol/envoy/extensions/compression/zstd/decompressor/v3';
import * as decompressor from '@lateen/protocol/envoy/extensions/filters/http/decompressor/v3';
import type { DecompressionRules, Decompressor } from '../model/decompressor.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';
import { typeNameOf } from './typed-any.ts';

const filterPolicy = fieldPolicy(decompressor.Decompressor, [
  'decompressorLibrary',
  'requestDirectionConfig',
  'responseDirectionConfig',
]);
const requestPolicy = fieldPolicy(decompressor.Decompressor_RequestDirectionConfig, [
  'commonConfig',
  'advertiseAcceptEncoding',
]);
const responsePolicy = fieldPolicy(decompressor.Decompressor_ResponseDirectionConfig, ['commonConfig']);
const commonPolicy = fieldPolicy(decompressor.Decompressor_CommonDirectionConfig, [
  'enabled',
  'ignoreNoTransformHeader',
]);
const gzipPolicy = fieldPolicy(Gzip, ['windowBits', 'chunkSize', 'maxInflateRatio']);
const brotliPolicy = fieldPolicy(Brotli, ['chunkSize'], {
  disableRingBufferReallocation: 'memory is taken as it is needed',
});
const zstdPolicy = fieldPolicy(Zstd, ['chunkSize']);

export const decompressorPolicies = [
  filterPolicy,
  requestPolicy,
  responsePolicy,
  commonPolicy,
  gzipPolicy,
  brotliPolicy,
  zstdPolicy,
];

/** Envoy's, of gzip and of what has no limit of its own. */
const defaultRatio = 100;
const defaultWindowBits = 15;
const defaultChunkBytes = 4_096;

type Library = Pick<Decompressor, 'encoding' | 'windowBits' | 'chunkBytes' | 'maxRatio'>;

function decodeLibrary(scope: Scope, message: TypedExtensionConfig | undefined): Library {
  const any = message?.typedConfig;
  const at = scope.at('typedConfig');
  const library = (encoding: Library['encoding'], chunkBytes = defaultChunkBytes): Library => {
    if (chunkBytes < 4_096 || chunkBytes > 65_536) at.at('chunkSize').fail('must be from 4096 to 65536');
    return { encoding, chunkBytes, windowBits: defaultWindowBits, maxRatio: defaultRatio };
  };
  if (typeNameOf(any) === Gzip.typeName) {
    const gzip = at.unpack(Gzip, any) ?? {};
    at.check(gzipPolicy, gzip);
    const { windowBits = defaultWindowBits, maxInflateRatio: maxRatio = defaultRatio } = gzip;
    if (windowBits < 9 || windowBits > 15) at.at('windowBits').fail('must be from 9 to 15');
    if (maxRatio < 1) at.at('maxInflateRatio').fail('must be at least 1');
    return { ...library('gzip', gzip.chunkSize), windowBits, maxRatio };
  }
  if (typeNameOf(any) === Brotli.typeName) {
    const brotli = at.unpack(Brotli, any) ?? {};
    at.check(brotliPolicy, brotli);
    return library('br', brotli.chunkSize);
  }
  if (typeNameOf(any) === Zstd.typeName) {
    const zstd = at.unpack(Zstd, any) ?? {};
    at.check(zstdPolicy, zstd);
    return library('zstd', zstd.chunkSize);
  }
  scope.fail('must be gzip, brotli or zstd');
  return library('gzip');
}

function decodeRules(
  scope: Scope,
  common: decompressor.Decompressor_CommonDirectionConfig = {},
): DecompressionRules {
  scope.check(commonPolicy, common);
  return {
    enabled: common.enabled === undefined ? () => true : scope.flag(common.enabled),
    ignoresNoTransform: common.ignoreNoTransformHeader ?? false,
  };
}

/** Which bodies are decompressed; those of both directions unless it says otherwise. */
export function decodeDecompressor(scope: Scope, message: decompressor.Decompressor): Decompressor {
  scope.check(filterPolicy, message);
  const { decompressorLibrary, requestDirectionConfig: request = {} } = message;
  const { responseDirectionConfig: response = {} } = message;
  const requestAt = scope.at('requestDirectionConfig');
  const responseAt = scope.at('responseDirectionConfig');
  requestAt.check(requestPolicy, request);
  responseAt.check(responsePolicy, response);
  return {
    libraryName: decompressorLibrary?.name ?? '',
    ...decodeLibrary(scope.at('decompressorLibrary'), decompressorLibrary),
    request: decodeRules(requestAt.at('commonConfig'), request.commonConfig),
    response: decodeRules(responseAt.at('commonConfig'), response.commonConfig),
    advertises: request.advertiseAcceptEncoding ?? true,
  };
}
