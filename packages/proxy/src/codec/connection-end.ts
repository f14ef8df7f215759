/** How a connection came to its end, as statistics tell it apart. */
export interface ConnectionEnd {
  /** True where the peer closed or reset it first. */
  readonly byPeer: boolean;
  /** True where a request on it was not complete. */
  readonly active: boolean;
  readonly cause: 'none' | 'protocol_error' | 'idle_timeout' | 'max_requests';
}

/** An end; without a cause where nothing went wrong. */
export function connectionEnd(
  byPeer: boolean,
  active: boolean,
  cause: ConnectionEnd['cause'] = 'none',
): ConnectionEnd {
  return { byPeer, active, cause };
}
