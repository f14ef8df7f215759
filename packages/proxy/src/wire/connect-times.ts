/** When a connection to an endpoint was begun, made, and secured by TLS; milliseconds of the turn's clock. */
export interface ConnectTimes {
  readonly beginMs: number;
  readonly connectedMs: number;
  /** Undefined without TLS. */
  readonly securedMs: number | undefined;
}

/** The same from another beginning on. */
export function timesSince({ beginMs, connectedMs, securedMs }: ConnectTimes, ms: number): ConnectTimes {
  return {
    beginMs: beginMs - ms,
    connectedMs: connectedMs - ms,
    securedMs: securedMs === undefined ? undefined : securedMs - ms,
  };
}
