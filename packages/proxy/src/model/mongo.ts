import type { Fraction } from './string-match.ts';

/** `envoy.filters.network.mongo_proxy`. */
export interface MongoProxy {
  readonly kind: 'mongo_proxy';
  readonly statPrefix: string;
  /** A file of JSON lines, one a message; undefined: none. */
  readonly accessLog?: string;
  readonly delay?: { readonly fixedMs: number; readonly fraction: Fraction };
  /** The collections that were asked for become dynamic metadata. */
  readonly emitMetadata: boolean;
  /** Commands that are told apart in statistics; others are `unknown_command`. */
  readonly commands: readonly string[];
}
