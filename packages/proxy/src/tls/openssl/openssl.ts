import { Certificate } from './certificate.ts';
import { CertificateChooser } from './certificate-chooser.ts';
import { loadLibrary, type Library, type OpensslFunctions, type Pointer } from './functions.ts';
import { memoryOf, takeError } from './memory-of.ts';
import { checkBios, InputBio, OutputBio } from './memory-bio.ts';
import { OcspStapler, type Stapled } from './ocsp-stapler.ts';
import { SessionKeys } from './session-keys.ts';
import { TicketKeys } from './ticket-keys.ts';
import { TrustDomainVerifier } from './trust-domains.ts';
import { BufferAddresses } from '../../wire/buffer-addresses.ts';

/** SSL_TLSEXT_ERR_OK and SSL_TLSEXT_ERR_NOACK. */
const alpnChosen = 0;
const alpnNone = 3;
/** X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED. */
const notYetValid = 9;
const expired = 10;
/**
 * Judges a peer within its handshake, so that it is told by an alert; `chainError` is X509_V_OK for a good chain.
 * Undefined: it is accepted; else the X509_V_ERR that OpenSSL chooses the alert by.
 */
export type PeerJudge = (certificate: Certificate, chainError: number) => number | undefined;

/** What is decrypted at a time; a record has 16 KiB at most. */
const plainBytes = 64 * 1024;

/**
 * OpenSSL as the connections of one data plane use it.
 *
 * All connections share one BIO to read from and one to write to: what is fed is read until nothing is left before
 * the next connection's turn, and what was encrypted is taken out at once; an idle connection owns no buffer.
 */
export class Openssl {
  readonly c: OpensslFunctions;
  readonly library: Library;
  /** Encrypted bytes that have arrived. */
  readonly input: InputBio;
  /** Encrypted bytes that are to leave. */
  readonly output: OutputBio;
  /** What a connection has decrypted, for its own turn. */
  readonly plain: Buffer = Buffer.allocUnsafeSlow(plainBytes);
  /** Of the buffers above, and of what is written. */
  readonly addresses: BufferAddresses;
  /** A callback that lets every certificate of a chain pass: {@link PeerJudge} decides by our own rules. */
  readonly acceptAny: Pointer;
  /** A callback that verifies a chain, and judges the peer by it. */
  readonly verifyPeer: Pointer;
  /** A callback that chooses from the protocols of ALPN. */
  readonly chooseProtocol: Pointer;
  #ticketKeys: TicketKeys | undefined;
  #chooser: CertificateChooser | undefined;
  #trustDomains: TrustDomainVerifier | undefined;
  #sessionKeys: SessionKeys | undefined;
  #stapler: OcspStapler | undefined;
  #stapled: Stapled | undefined;
  /** The first error of the chain that is being verified, those of time after all others; 0 for none. */
  #chainError = 0;
  #chainErrorDepth = 0;
  /** Of the handshake that goes on; undefined where its peer is judged after it. */
  #judge: PeerJudge | undefined;
  readonly #kept = new Map<Pointer, Buffer>();
  readonly #finalization = new FinalizationRegistry<() => void>((free) => free());

  constructor() {
    this.library = loadLibrary();
    const { functions, koffi } = this.library;
    this.c = functions;
    this.addresses = new BufferAddresses((bytes) => Number(koffi.address(bytes)));
    this.input = new InputBio(this.library);
    this.output = new OutputBio(this.library);
    checkBios(this.library, this.input, this.output);
    const verdict = koffi.pointer(koffi.proto('int', ['int', 'void *']));
    this.acceptAny = koffi.register(this.#accept, verdict);
    this.verifyPeer = koffi.register(this.#verify, koffi.pointer(koffi.proto('int', ['void *', 'void *'])));
    const choice = koffi.pointer(
      koffi.proto('int', ['void *', 'void *', 'void *', 'void *', 'uint', 'void *']),
    );
    this.chooseProtocol = koffi.register(this.#choose, choice);
  }

  /** Forgets what was wrong with other chains; to be called before a handshake goes on. */
  startVerification(judge: PeerJudge | undefined): void {
    this.#chainError = 0;
    this.#judge = judge;
  }

  readonly #verify = (verification: Pointer): number => {
    this.c.X509_verify_cert(verification);
    return this.judgePeer(verification);
  };

  /** Has the peer of a verified chain judged: 1 where the handshake goes on, 0 where it fails with an alert. */
  judgePeer(verification: Pointer): number {
    if (this.#judge === undefined) return 1;
    const { c } = this;
    const certificate = Certificate.of(this.library, c.X509_STORE_CTX_get0_cert(verification));
    const refusal = this.#judge(certificate, c.X509_STORE_CTX_get_error(verification));
    if (refusal === undefined) return 1;
    c.X509_STORE_CTX_set_error(verification, refusal);
    return 0;
  }

  /**
   * OpenSSL remembers the last error of a chain only, and looks at the time last: an expired certificate of an
   * unknown issuer would be no more than expired, which may be allowed.
   */
  readonly #accept = (good: number, verification: Pointer): number => {
    if (good === 1) return 1;
    const { c } = this;
    const error = c.X509_STORE_CTX_get_error(verification);
    if (this.#chainError === 0 || (isOfTime(this.#chainError) && !isOfTime(error))) {
      this.#chainError = error;
      this.#chainErrorDepth = c.X509_STORE_CTX_get_error_depth(verification);
    } else c.X509_STORE_CTX_set_error(verification, this.#chainError);
    return 1;
  };

  /** What was wrong with the chain that was verified last, as Envoy says it; undefined where nothing was. */
  get chainFailure(): string | undefined {
    if (this.#chainError === 0) return undefined;
    const words = this.c
      .X509_verify_cert_error_string(this.#chainError)
      .replace('self-signed', 'self signed');
    return `X509_verify_cert: certificate verification error at depth ${this.#chainErrorDepth}: ${words}`;
  }

  /**
   * Agrees on the first of our protocols that the client offers, and on none where nothing is in common: Envoy goes
   * on without, and Istio's proxies offer names that only proxies know. `list` is what {@link keep} gave.
   */
  readonly #choose = (
    _ssl: Pointer,
    out: Pointer,
    outLength: Pointer,
    offered: Pointer,
    length: number,
    list: Pointer,
  ): number => {
    const { koffi } = this.library;
    const client = Buffer.from(koffi.view(offered, length));
    const own = this.#kept.get(list) ?? Buffer.alloc(0);
    for (let at = 0; at < own.length; at += 1 + (own[at] as number)) {
      const size = own[at] as number;
      if (!offers(client, own.subarray(at, at + 1 + size))) continue;
      koffi.encode(out, 'void *', list + BigInt(at + 1));
      koffi.encode(outLength, 'uint8_t', size);
      return alpnChosen;
    }
    return alpnNone;
  };

  /** Keys for session tickets, for the contexts that have some. */
  get ticketKeys(): TicketKeys {
    this.#ticketKeys ??= new TicketKeys(this.library);
    return this.#ticketKeys;
  }

  /** Chooses certificates, for the contexts that have several. */
  get certificateChooser(): CertificateChooser {
    this.#chooser ??= new CertificateChooser(this.library);
    return this.#chooser;
  }

  /** Verifies by trust domain, for the contexts that have some. */
  get trustDomains(): TrustDomainVerifier {
    this.#trustDomains ??= new TrustDomainVerifier(this);
    return this.#trustDomains;
  }

  /** Tells session keys, for the contexts that log them. */
  get sessionKeys(): SessionKeys {
    this.#sessionKeys ??= new SessionKeys(this.library);
    return this.#sessionKeys;
  }

  /** Staples OCSP responses, for the contexts that have some. */
  get stapler(): OcspStapler {
    this.#stapler ??= new OcspStapler(this.library, (what) => (this.#stapled = what));
    return this.#stapler;
  }

  /** What was done for a client that asked for an OCSP response since the last call. */
  takeStapled(): Stapled | undefined {
    const stapled = this.#stapled;
    if (stapled !== undefined) this.#stapled = undefined;
    return stapled;
  }

  /** Keeps bytes in their place as long as `owner` is there; returns where that is. */
  keep(owner: object, bytes: Buffer): Pointer {
    const address = this.library.koffi.address(bytes);
    this.#kept.set(address, bytes);
    this.freeWith(owner, () => this.#kept.delete(address));
    return address;
  }

  /**
   * Frees native memory when `owner` is gone. Neither `free` nor another function of the scope it is made in may name the
   * owner: functions of one scope hold what any of them names.
   */
  freeWith(owner: object, free: () => void): void {
    this.#finalization.register(owner, free);
  }

  /** The first error since the last call, as OpenSSL words it; empty for none. */
  takeError(): string {
    return takeError(this.c);
  }

  /** DER of a certificate. */
  derOf(certificate: Pointer): Buffer {
    const { c } = this;
    return memoryOf(c, (bio) => c.i2d_X509_bio(bio, certificate));
  }
}

/** OpenSSL, found when the first TLS connection needs it: who uses no TLS does not pay for it. */
export class LazyOpenssl {
  #loaded: Openssl | undefined;

  get(): Openssl {
    this.#loaded ??= new Openssl();
    return this.#loaded;
  }
}

const isOfTime = (error: number): boolean => error === notYetValid || error === expired;

function offers(list: Buffer, wanted: Buffer): boolean {
  for (let at = 0; at < list.length; at += 1 + (list[at] as number))
    if (list.subarray(at, at + 1 + (list[at] as number)).equals(wanted)) return true;
  return false;
}
