/** How bodies are compressed, with the options of the library in its own words. */
export type Compression =
  | {
      readonly kind: 'gzip';
      readonly level: number;
      readonly memoryLevel: number;
      readonly strategy: number;
      readonly windowBits: number;
      readonly chunkBytes: number;
    }
  | {
      readonly kind: 'br';
      readonly quality: number;
      readonly mode: number;
      readonly windowBits: number;
      readonly inputBlockBits: number;
      readonly literalContextModeling: boolean;
      readonly chunkBytes: number;
    }
  | {
      readonly kind: 'zstd';
      readonly level: number;
      readonly checksum: boolean;
      /** 0: that of the level. */
      readonly strategy: number;
      readonly chunkBytes: number;
    };

/** Which bodies of requests are compressed. */
export interface RequestCompression {
  /** Asked for each request, since the runtime may change it. */
  readonly enabled: () => boolean;
  /** Shorter ones, where their length is known, stay as they are; default 30. */
  readonly minContentBytes: number;
  /** Media types in lower case. */
  readonly contentTypes: ReadonlySet<string>;
}

/** Compresses answers for clients that say which encodings they take. */
export interface Compressor {
  /** The name of the library in statistics. */
  readonly libraryName: string;
  readonly compression: Compression;
  /** Asked for each answer, since the runtime may change it. */
  readonly enabled: () => boolean;
  /** Shorter answers, where their length is known, stay as they are; default 30. */
  readonly minContentBytes: number;
  /** Media types in lower case. */
  readonly contentTypes: ReadonlySet<string>;
  /** Answers with an entity tag stay as they are; else a strong tag is taken away. */
  readonly disableOnEtag: boolean;
  /** Endpoints do not see what the client accepts. */
  readonly removeAcceptEncoding: boolean;
  /** Wins among compressors of a chain that the client likes as well. */
  readonly chooseFirst: boolean;
  /** Undefined: no requests are compressed. */
  readonly request?: RequestCompression;
  /** True where statistics stand below `response.`. */
  readonly hasDirection: boolean;
}

/** What a route changes: nothing but that answers are compressed, and whether endpoints see what clients accept. */
export interface CompressorRoute {
  readonly removeAcceptEncoding?: boolean;
}
