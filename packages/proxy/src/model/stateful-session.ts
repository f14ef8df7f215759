/** Where the endpoint of a session is kept: in a cookie of the client, or in a header that it sends back. */
export type SessionState =
  | {
      readonly kind: 'cookie';
      readonly name: string;
      /** 0: as long as the client runs. */
      readonly ttlSeconds: number;
      /** Only requests below it belong to sessions; empty: all. */
      readonly path: string;
    }
  | { readonly kind: 'header'; readonly name: string };

/** Requests of a session go to the endpoint that had the first of them. */
export interface StatefulSession {
  /** Undefined: nothing is done, unless a route says how. */
  readonly state?: SessionState;
  /** Refuse where that endpoint is gone or unhealthy; else another one takes over. */
  readonly strict: boolean;
}
