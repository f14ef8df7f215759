import type { CidrRange } from './address.ts';
import type { StringMatch } from './string-match.ts';

/** Bytes in the configuration, or in a file or an environment variable that is read when the resource is compiled. */
export type DataSource =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'file';
      readonly path: string;
      /** Folder whose changes mean that a file of TLS is to be read again. */
      readonly watchedDirectory?: string;
    }
  | { readonly kind: 'environment'; readonly variable: string };

/** A certificate chain with its key. */
export interface TlsCertificate {
  /** `pkcs12`: chain and key are the same bundle (RFC 7292). Default PEM. */
  readonly format?: 'pkcs12';
  readonly chain: DataSource;
  readonly privateKey: DataSource;
  readonly password?: DataSource;
  /** What the authority says of it (OCSP, DER), for clients that ask. */
  readonly ocspResponse?: DataSource;
  /** Folder whose changes mean that all of these are to be read again; goes before those of the sources. */
  readonly watchedDirectory?: string;
}

/** What a subject alternative name must be. */
export interface SanMatch {
  readonly type: 'uri' | 'dns' | 'email' | 'ip' | 'any';
  readonly match: StringMatch;
}

/** Roots of a SPIFFE trust domain. */
export interface TrustDomain {
  /** As in `spiffe://NAME/path`. */
  readonly name: string;
  /** Roots and, where some are to be looked at, revocation lists, PEM. */
  readonly bundle: DataSource;
}

/** How a peer's certificate is verified. */
export interface CertificateValidation {
  /** Roots, PEM; none: the system's roots where `systemRoots`, else the peer is not verified. */
  readonly trustedCa?: DataSource;
  readonly systemRoots?: boolean;
  /** In place of roots: a peer is verified by those of the domain that its SPIFFE id is in, and has to show itself. */
  readonly trustDomains?: readonly TrustDomain[];
  /** One of these must match; empty: any name. */
  readonly sanMatches: readonly SanMatch[];
  /** Revocation lists, PEM; one is needed for each issuer of a chain, or of the leaf where `revocationOfLeafOnly`. */
  readonly crl?: DataSource;
  readonly revocationOfLeafOnly?: boolean;
  /** The most intermediate certificates in a peer's chain; default 100. */
  readonly maxVerifyDepth?: number;
  /** Hex SHA-256 of the peer's certificate. */
  readonly certificateHashes: readonly string[];
  /** Base64 SHA-256 of the peer's SubjectPublicKeyInfo. */
  readonly spkiHashes: readonly string[];
  readonly allowExpired: boolean;
  /** Folder whose changes mean that roots and lists are to be read again. */
  readonly watchedDirectory?: string;
  /** True for `ACCEPT_UNTRUSTED`: verify nothing, but ask for the certificate. */
  readonly acceptUntrusted: boolean;
}

export type TlsVersion = 'TLSv1.0' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

/** Session keys are written to a file, so that recorded traffic can be read; no range: of all connections. */
export interface TlsKeyLog {
  readonly path: string;
  readonly localRanges: readonly CidrRange[];
  readonly remoteRanges: readonly CidrRange[];
}

/** What is common to both directions of TLS. */
export interface TlsOptions {
  readonly certificates: readonly TlsCertificate[];
  /** Names of secrets that hold the certificate. */
  readonly certificateSecrets: readonly string[];
  readonly validation?: CertificateValidation;
  /** Name of the secret with the validation context; combined with `validation` where both are given. */
  readonly validationSecret?: string;
  readonly alpn: readonly string[];
  readonly minVersion?: TlsVersion;
  readonly maxVersion?: TlsVersion;
  /** OpenSSL names; empty: the default list. */
  readonly cipherSuites: readonly string[];
  readonly ecdhCurves: readonly string[];
  /** Names of TLS 1.3, as in `rsa_pss_rsae_sha256`; none: the default list. */
  readonly signatureAlgorithms?: readonly string[];
  /** None: session keys are never written. */
  readonly keyLog?: TlsKeyLog;
}

/** What becomes of clients that ask for an OCSP response. */
export type OcspPolicy = 'lenient' | 'strict' | 'must';

/** TLS towards a client. */
export interface DownstreamTls {
  readonly kind: 'downstream_tls';
  readonly options: TlsOptions;
  readonly requireClientCertificate: boolean;
  /** Look for a certificate that suits a client's kinds of keys where none is for the name that it asks for. */
  readonly scansAllCertificates?: boolean;
  /**
   * `lenient`: connections are served without an OCSP response where there is none that is good; `strict`: not where there
   * is one that is too old; `must`: only with one. A certificate that demands it (RFC 7633) makes it `must`. Default `lenient`.
   */
  readonly ocspPolicy?: OcspPolicy;
  readonly sessionTimeoutMs?: number;
  readonly disableStatelessResumption: boolean;
  /** Of 80 bytes each: the first encrypts session tickets, all decrypt them; none: keys that nobody else has. */
  readonly sessionTicketKeys?: readonly DataSource[];
  /** Name of the secret with these keys. */
  readonly sessionTicketKeysSecret?: string;
}

/** TLS towards an endpoint. */
export interface UpstreamTls {
  readonly kind: 'upstream_tls';
  readonly options: TlsOptions;
  readonly sni: string;
  /** Use the request's host as SNI (`auto_sni`). */
  readonly autoSni: boolean;
  /** Verify that the certificate carries the SNI that was sent (`auto_san_validation`). */
  readonly autoSanValidation: boolean;
  /** Sessions kept for resumption; default 1, 0: none. */
  readonly maxSessionKeys: number;
  readonly proxyProtocol?: ProxyProtocolTransport;
}

/** The PROXY protocol's header that an endpoint is sent before everything else. */
export interface ProxyProtocolTransport {
  readonly version: 1 | 2;
  /** Fields of the client's header that go on, in version 2: all, or these types. */
  readonly passThrough: 'all' | readonly number[];
}

/** What wraps the bytes towards an endpoint. */
export type UpstreamTransport =
  | { readonly kind: 'raw'; readonly proxyProtocol?: ProxyProtocolTransport }
  | UpstreamTls;

/** What wraps the bytes towards a client. */
export type DownstreamTransport = { readonly kind: 'raw' } | DownstreamTls;

/** A secret by its SDS name. */
export type Secret =
  | { readonly kind: 'certificate'; readonly name: string; readonly certificate: TlsCertificate }
  | { readonly kind: 'validation'; readonly name: string; readonly validation: CertificateValidation }
  | { readonly kind: 'ticket_keys'; readonly name: string; readonly keys: readonly DataSource[] }
  | { readonly kind: 'generic'; readonly name: string; readonly secret: DataSource };
