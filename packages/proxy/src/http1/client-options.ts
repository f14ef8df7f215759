import type { RequestHeadStyle } from './request-head-writer.ts';

/** What a client connection sends and takes, and how long it is kept; see the protocol options of the cluster. */
export interface Http1ClientOptions extends RequestHeadStyle {
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  readonly preserveHeaderCase: boolean;
  readonly enableTrailers: boolean;
  /** How long the connection is kept without a request; 0: for ever. */
  readonly idleTimeoutMs: number;
  /** 0: no limit. */
  readonly maxRequests: number;
}
