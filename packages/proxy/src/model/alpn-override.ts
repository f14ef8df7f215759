/**
 * What is offered by TLS to the endpoints of requests, by the version in which they are sent, in place of the ALPN of
 * their cluster (Istio's `istio.alpn`). Undefined: the cluster's own.
 */
export interface AlpnOverride {
  readonly http1: readonly string[] | undefined;
  readonly http2: readonly string[] | undefined;
}
