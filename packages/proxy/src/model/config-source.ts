import type { ReopeningBackoff } from './grpc-service.ts';

/** Kinds of resources that others refer to by name. */
export type ReferredKind = 'endpoints' | 'routes' | 'secrets' | 'extensions';

/** Kinds of references whose sources are noted; those besides are not waited for. */
export type ReferenceKind = ReferredKind | 'clusters' | 'virtualHosts';

/** How a server of xDS is called over gRPC: by the cluster of the bootstrap that it is. */
export interface GrpcTarget {
  readonly cluster: string;
  /** Sent with every call (`initial_metadata`). */
  readonly metadata: Readonly<Record<string, string>>;
  /** `:authority`; empty: the name of the cluster. */
  readonly authority: string;
  /** Largest message accepted; undefined: the channel's own limit. */
  readonly maxMessageBytes?: number;
  readonly reopening?: ReopeningBackoff;
}

/** How fast a server of xDS may be asked (`rate_limit_settings`). */
export interface RequestRate {
  /** Requests at once; default 100. */
  readonly maxTokens: number;
  /** Default 10. */
  readonly tokensPerSecond: number;
}

/** Where resources come from (`envoy.config.core.v3.ConfigSource`). */
export type ConfigSource =
  /** The stream of all kinds; `self` too: what came by it refers to it. */
  | { readonly kind: 'ads' }
  | {
      readonly kind: 'file';
      readonly path: string;
      /** Folder in which a change means that the file is to be read again; default: the file's own. */
      readonly watchedDirectory?: string;
    }
  /** A stream for one kind. */
  | {
      readonly kind: 'grpc';
      readonly variant: 'delta' | 'sotw';
      readonly target: GrpcTarget;
      /** Undefined: as fast as there is something to ask. */
      readonly rate?: RequestRate;
    }
  /** Asked again and again over HTTP, in JSON. */
  | {
      readonly kind: 'rest';
      readonly cluster: string;
      readonly refreshDelayMs: number;
      readonly requestTimeoutMs: number;
    };

/** Sources of what a resource refers to; by `kind/name`, and only those that are not ADS. */
export type ReferenceSources = ReadonlyMap<string, ConfigSource>;

/** The key of a reference. */
export function referenceKey(kind: ReferenceKind, name: string): string {
  return `${kind}/${name}`;
}

/** Clusters that are fetched when somebody needs them: from where, and how long that may take. */
export interface OnDemandClusters {
  readonly source: ConfigSource;
  readonly timeoutMs: number;
}
