import { filterTypes } from '../../../testing/envoy-config.ts';

const libraries = { gzip: 'Gzip', brotli: 'Brotli', zstd: 'Zstd' } as const;

/** A compressor or decompressor with its library, written in Envoy's JSON. */
export function libraryFilter(
  what: 'compressor' | 'decompressor',
  kind: keyof typeof libraries,
  config: object = {},
  library: object = {},
): object {
  const message = what === 'compressor' ? 'Compressor' : 'Decompressor';
  const type = `type.googleapis.com/envoy.extensions.compression.${kind}.${what}.v3.${libraries[kind]}`;
  return {
    name: `${what}-${kind}`,
    typed_config: {
      '@type': `${filterTypes}.${what}.v3.${message}`,
      [`${what}_library`]: { name: 'text', typed_config: { '@type': type, ...library } },
      ...config,
    },
  };
}
