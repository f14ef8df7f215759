import type { Fraction } from './string-match.ts';
import type { DataSource } from './tls.ts';

/** Where a request goes besides. */
export interface RedisMirror {
  readonly cluster: string;
  /** Undefined: always. */
  readonly fraction?: Fraction;
  readonly excludeReads: boolean;
}

/** Where keys of a prefix are. */
export interface RedisRoute {
  /** Of the key; the longest that fits holds. */
  readonly prefix: string;
  /** The endpoint sees the key without it. */
  readonly removePrefix: boolean;
  readonly cluster: string;
  /** Where commands go that change nothing; undefined: as the others. */
  readonly readCluster?: string;
  readonly mirrors: readonly RedisMirror[];
}

export interface RedisFault {
  readonly kind: 'delay' | 'error';
  readonly fraction: Fraction;
  readonly delayMs: number;
  /** In lower case; empty: all. */
  readonly commands: readonly string[];
}

/** Who of a shard of a Redis Cluster answers commands that change nothing. */
export type RedisReadPolicy = 'primary' | 'prefer_primary' | 'replica' | 'prefer_replica' | 'any';

/** `envoy.filters.network.redis_proxy`. */
export interface RedisProxy {
  readonly kind: 'redis_proxy';
  readonly statPrefix: string;
  /** How long an endpoint may take; the connection is given up then. */
  readonly opTimeoutMs: number;
  /** Only the part of a key in braces is hashed, where there is one. */
  readonly hashTags: boolean;
  readonly readPolicy: RedisReadPolicy;
  /** Follows a node that says that another one has the slot. */
  readonly followsRedirections: boolean;
  /** So many nodes that its cluster does not know may a redirection be followed to at a time; default 100. */
  readonly maxUnknownConnections: number;
  /** What endpoints are sent is counted by cluster, too. */
  readonly countsUpstreamCommands: boolean;
  readonly latencyInMicros: boolean;
  readonly routes: readonly RedisRoute[];
  /** For keys of no prefix; undefined: they have no endpoint. */
  readonly catchAll?: RedisRoute;
  readonly ignoreCase: boolean;
  /** One of which a client must give; empty: none is asked for. */
  readonly passwords: readonly DataSource[];
  readonly username?: DataSource;
  readonly faults: readonly RedisFault[];
}

/** What a cluster's endpoints are given first. */
export interface RedisCredentials {
  readonly password?: DataSource;
  readonly username?: DataSource;
}
