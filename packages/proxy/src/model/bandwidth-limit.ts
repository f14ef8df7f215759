/** Lets bodies through at so many bytes a second, all requests of the filter or route together. */
export interface BandwidthLimit {
  readonly statPrefix: string;
  /** Where it stands in its resource. */
  readonly place: string;
  readonly limitsRequests: boolean;
  readonly limitsResponses: boolean;
  /** 0 where nothing is limited. */
  readonly bytesPerSecond: number;
  /** How often bytes are let go on; default 50 ms. */
  readonly tickMs: number;
  /** Asked for each request, since the runtime may change it. */
  readonly enabled: () => boolean;
  /** Clients are told by trailers what it took; what their names begin with. Undefined: they are not. */
  readonly trailerPrefix?: string;
}
