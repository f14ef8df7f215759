import type { Acquaintance } from '../codec/acquaintance.ts';

/** The names in our own certificate. */
export interface OwnCertificate {
  readonly uriSans: readonly string[];
  readonly dnsSans: readonly string[];
  readonly subject: string;
}

/** A certificate that a peer has shown. */
export interface ShownCertificate {
  readonly der: Buffer;
  /** SHA-256 of it, in lower-case hexadecimal; computed when it is asked for. */
  readonly fingerprint: string;
  /** Its names by kind; undefined for none. */
  readonly names: AlternativeNames | undefined;
}

/** The names of a certificate by kind. */
export interface AlternativeNames {
  readonly uri: readonly string[];
  readonly dns: readonly string[];
  readonly email: readonly string[];
  readonly ip: readonly string[];
}

/** What a finished TLS handshake says about the connection. */
export interface TlsInfo {
  readonly alpn: string;
  readonly sni: string;
  readonly version: string;
  readonly cipher: string;
  /** That keys were agreed on by, and the scheme of the peer's signature; empty for none. */
  readonly group?: string;
  readonly peerSignature?: string;
  readonly sessionReused: boolean;
  /** Each byte a character; empty where the session has none. Clients learn it with the first bytes (TLS 1.3). */
  sessionId: string;
  /** URI and DNS names of the peer's certificate; empty where it showed none. */
  readonly peerUriSans: readonly string[];
  readonly peerDnsSans: readonly string[];
  readonly peerSubject: string;
  /** What our own certificate says; undefined where we showed none. */
  readonly own?: OwnCertificate | undefined;
  /** DER of the certificates that the peer showed, its own first; empty on a resumed session, which shows none. */
  readonly peerChain?: readonly Buffer[];
  /** The peer's own; undefined where it showed none. */
  readonly peerCertificate: ShownCertificate | undefined;
  readonly acquaintance: Acquaintance;
}
