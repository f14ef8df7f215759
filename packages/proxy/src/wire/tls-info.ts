/** What a finished TLS handshake says about the connection. */
export interface TlsInfo {
  readonly alpn: string;
  readonly sni: string;
  readonly version: string;
  readonly cipher: string;
  readonly sessionReused: boolean;
  /** URI and DNS names of the peer's certificate; empty where it showed none. */
  readonly peerUriSans: readonly string[];
  readonly peerDnsSans: readonly string[];
  readonly peerSubject: string;
  /** DER of the peer's certificate. */
  readonly peerCertificate: Buffer | undefined;
}
