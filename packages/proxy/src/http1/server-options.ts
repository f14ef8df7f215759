/** How strict and how patient a server connection is; see the fields of the connection manager. */
export interface Http1ServerOptions {
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  readonly acceptHttp10: boolean;
  readonly defaultHostForHttp10: string;
  readonly preserveHeaderCase: boolean;
  /** Names are sent as `Content-Type`. */
  readonly properCase?: boolean;
  readonly enableTrailers: boolean;
  readonly allowAbsoluteUrl: boolean;
  readonly allowChunkedLength: boolean;
  /** Methods that are registered nowhere; `get` is one. */
  readonly allowCustomMethods: boolean;
  /** Between requests; 0: none. */
  readonly idleTimeoutMs: number;
  /** How long a connection that was idle for so long, or is as old as it may get, still takes a request; 0 (default): not at all. */
  readonly drainTimeoutMs?: number;
  /** From the first byte of a head to its last; 0: none. */
  readonly requestHeadersTimeoutMs: number;
  /** 0: no limit. */
  readonly maxRequests: number;
  /** How long is waited for the client to close after us; 0: not at all. */
  readonly delayedCloseTimeoutMs: number;
  /** Answer `Expect: 100-continue` here; false leaves it to the endpoint. */
  readonly answerContinue: boolean;
}

/** How long an answer may take to leave where nothing is waited for after it. */
const flushMs = 1_000;

/** How long a connection that we have ended is read on, so that the client gets what is left before a reset. */
export function closeWaitMs(options: Http1ServerOptions, pendingBytes: number): number {
  return options.delayedCloseTimeoutMs || (pendingBytes > 0 ? flushMs : 1);
}
