import { readNames } from './certificate.ts';
import type { TlsContext } from './context.ts';
import type { Library, Pointer } from './functions.ts';

/** X509_V_OK, and X509_V_ERR_APPLICATION_VERIFICATION. */
const fine = 0;
const refusedByUs = 50;
/** EXFLAG_CA, and KU_CRL_SIGN with KU_KEY_CERT_SIGN. */
const isAuthority = 0x10;
const signsForOthers = 0x02 | 0x04;

/** Roots by the name of their trust domain: an `X509_STORE` each. */
export type TrustStores = ReadonlyMap<string, Pointer>;

interface Verifying {
  readonly library: Library;
  /** Judges each certificate of a chain, as for chains of the usual kind. */
  readonly acceptAny: Pointer;
  judgePeer(verification: Pointer): number;
}

/**
 * Verifies chains by the roots of the trust domain that the peer's SPIFFE id is in, and by no others
 * (X509-SVID, section 5): the store is chosen in place of the context's when OpenSSL comes to verify.
 */
export class TrustDomainVerifier {
  readonly #openssl: Verifying;
  readonly #byContext = new Map<Pointer, TrustStores>();
  readonly #callback: Pointer;

  constructor(openssl: Verifying) {
    const { koffi } = openssl.library;
    this.#openssl = openssl;
    this.#callback = koffi.register(this.#verify, koffi.pointer(koffi.proto('int', ['void *', 'void *'])));
  }

  /** Has a context verify by these stores, which stay the caller's; call the result when the context is gone. */
  use({ pointer }: TlsContext, stores: TrustStores): () => void {
    this.#byContext.set(pointer, stores);
    this.#openssl.library.functions.SSL_CTX_set_cert_verify_callback(pointer, this.#callback, pointer);
    return () => {
      // The address may belong to a later context already.
      if (this.#byContext.get(pointer) === stores) this.#byContext.delete(pointer);
    };
  }

  readonly #verify = (verification: Pointer, context: Pointer): number => {
    const { functions: c } = this.#openssl.library;
    const leaf = c.X509_STORE_CTX_get0_cert(verification);
    const store = this.#storeFor(leaf, this.#byContext.get(context));
    const error = store === undefined ? refusedByUs : this.#errorOf(verification, leaf, store);
    c.X509_STORE_CTX_set_error(verification, error);
    return this.#openssl.judgePeer(verification);
  };

  /** Undefined for a certificate that is none of a workload's, or of a trust domain that is not known. */
  #storeFor(leaf: Pointer, stores: TrustStores | undefined): Pointer | undefined {
    const { functions: c } = this.#openssl.library;
    // A certificate without key usage is taken for one with every usage.
    if ((c.X509_get_extension_flags(leaf) & isAuthority) !== 0) return undefined;
    if ((c.X509_get_key_usage(leaf) & signsForOthers) !== 0) return undefined;
    const [id = ''] = readNames(this.#openssl.library, leaf)?.uri ?? [];
    return stores?.get(trustDomainOf(id));
  }

  #errorOf(verification: Pointer, leaf: Pointer, store: Pointer): number {
    const { library, acceptAny } = this.#openssl;
    const { functions: c } = library;
    const own = c.X509_STORE_CTX_new();
    const issuers = c.X509_STORE_CTX_get0_untrusted(verification);
    const begun =
      c.X509_STORE_CTX_init(own, store, leaf, issuers) === 1 &&
      c.X509_VERIFY_PARAM_set1(
        c.X509_STORE_CTX_get0_param(own),
        c.X509_STORE_CTX_get0_param(verification),
      ) === 1;
    let error = refusedByUs;
    if (begun) {
      c.X509_STORE_CTX_set_verify_cb(own, acceptAny);
      const verified = c.X509_verify_cert(own) === 1;
      error = c.X509_STORE_CTX_get_error(own);
      if (!verified && error === fine) error = refusedByUs;
    }
    c.X509_STORE_CTX_free(own);
    return error;
  }
}

/** `spiffe://td/path` -> `td`; empty for what is no id of a workload. */
function trustDomainOf(id: string): string {
  const prefix = 'spiffe://';
  const end = id.startsWith(prefix) ? id.indexOf('/', prefix.length) : -1;
  return end < 0 ? '' : id.slice(prefix.length, end);
}
