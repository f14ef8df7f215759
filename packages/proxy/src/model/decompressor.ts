/** When the bodies of one direction are decompressed. */
export interface DecompressionRules {
  /** Asked for each body, since the runtime may change it. */
  readonly enabled: () => boolean;
  /** Also where `cache-control: no-transform` forbids it. */
  readonly ignoresNoTransform: boolean;
}

/** Decompresses bodies of one encoding. */
export interface Decompressor {
  /** The name of the library in statistics. */
  readonly libraryName: string;
  readonly encoding: 'gzip' | 'br' | 'zstd';
  /** Of gzip: the most that a sender may use. */
  readonly windowBits: number;
  readonly chunkBytes: number;
  /** A body that grows by more is cut off. */
  readonly maxRatio: number;
  readonly request: DecompressionRules;
  readonly response: DecompressionRules;
  /** Endpoints are told that answers may be compressed. */
  readonly advertises: boolean;
}
