/** Certificates and a key that gateways serve TLS with; PEM. */
export interface TlsSecret {
  readonly namespace: string;
  readonly name: string;
  readonly certificateChain: string | undefined;
  readonly privateKey: string | undefined;
  /** Roots that clients' certificates are verified with. */
  readonly roots: string | undefined;
  /** Certificates that are revoked. */
  readonly revoked: string | undefined;
}
