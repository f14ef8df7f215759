import type { PeerRefusal } from '../peer-verification.ts';
import { Certificate } from './certificate.ts';
import type { TlsContext } from './context.ts';
import type { Pointer } from './functions.ts';
import type { Openssl, PeerJudge } from './openssl.ts';
import { groupName, signatureName } from './parameter-names.ts';

/** SSL_CTRL_SET_TLSEXT_HOSTNAME with TLSEXT_NAMETYPE_host_name. */
const setHostName = 55;
/** SSL_VERIFY_PEER, and the same with SSL_VERIFY_FAIL_IF_NO_PEER_CERT. */
const verifyPeer = 1;
const needPeer = 3;
/** X509_V_OK. */
const goodChain = 0;
/** X509_V_ERR_PERMITTED_VIOLATION: OpenSSL has no better alert for it than certificate_unknown, as Envoy's for names. */
const notPermitted = 47;
/** How OpenSSL begins to say that a client which needs a certificate has shown none. */
const noCertificate = 'error:0A0000C7:';
/** SSL_ERROR_WANT_READ: more bytes are needed, and nothing is wrong. */
const wantsBytes = 2;
/** SSL_RECEIVED_SHUTDOWN. */
const peerHasEnded = 2;
/** The same with SSL_SENT_SHUTDOWN. */
const bothHaveEnded = 3;
/** X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED. */
const notYetValid = 9;
const expired = 10;

/** SSL_CTRL_GET_NEGOTIATED_GROUP and SSL_CTRL_GET_PEER_SIGNATURE_NID. */
const getNegotiatedGroup = 134;
const getPeerDigest = 108;

/** Where the random bytes of a handshake are put for a moment. */
const randomBytes = Buffer.alloc(32);

/** What a server asks of its clients. */
export interface ClientAuthentication {
  /** The handshake fails without a certificate. */
  readonly required: boolean;
  /** Judges a certificate that is shown; `chainError` as {@link TlsSession.chainError}. */
  judge(certificate: Certificate, chainError: string | undefined): PeerRefusal | undefined;
}

/** A session that a later connection may resume; freed when nobody holds it. */
export interface ResumableSession {
  readonly pointer: Pointer;
}

export interface ClientSettings {
  /** SNI; empty: none. */
  readonly serverName: string;
  /** As {@link encodeProtocols} has them. */
  readonly protocols: Buffer;
  readonly session: ResumableSession | undefined;
}

/**
 * One connection's TLS: bytes in, bytes out, no socket.
 *
 * What has arrived is put into {@link Openssl.input} before a call, what is to leave is in {@link Openssl.output}
 * after it; both are shared and to be emptied at once.
 */
export class TlsSession {
  readonly #openssl: Openssl;
  #ssl: Pointer;
  /** The same for what reads and writes. */
  #address: number;
  #keptSession = false;
  #tellsKeys = false;
  #isServer = false;
  #ended: 'no' | 'closed' | 'broken' = 'no';
  #error = '';
  #judge: PeerJudge | undefined;
  #refusal: PeerRefusal | undefined;
  #chainFailure: string | undefined;
  /** Once it has been judged. */
  #peer: Certificate | undefined;

  private constructor(openssl: Openssl, context: TlsContext) {
    const { c, input, output } = openssl;
    this.#openssl = openssl;
    this.#ssl = c.SSL_new(context.pointer);
    this.#address = Number(this.#ssl);
    c.BIO_up_ref(input.pointer);
    c.BIO_up_ref(output.pointer);
    c.SSL_set_bio(this.#ssl, input.pointer, output.pointer);
  }

  /** The server's side; no certificate is asked for without `clients`. */
  static server(
    openssl: Openssl,
    context: TlsContext,
    clients: ClientAuthentication | undefined,
  ): TlsSession {
    const session = new TlsSession(openssl, context);
    const { c, acceptAny } = openssl;
    c.SSL_set_accept_state(session.#ssl);
    session.#isServer = true;
    if (clients === undefined) return session;
    c.SSL_set_verify(session.#ssl, clients.required ? needPeer : verifyPeer, acceptAny);
    session.#judge = (certificate, chainError) => {
      session.#peer = certificate;
      const refusal = clients.judge(certificate, chainErrorOf(chainError));
      session.#refusal = refusal;
      if (refusal === undefined) return undefined;
      if (refusal !== 'untrusted' || chainError === goodChain) return notPermitted;
      // The alert of BoringSSL is the same for both.
      return chainError === notYetValid ? expired : chainError;
    };
    return session;
  }

  static client(openssl: Openssl, context: TlsContext, settings: ClientSettings): TlsSession {
    const session = new TlsSession(openssl, context);
    const { c } = openssl;
    const { serverName, protocols } = settings;
    c.SSL_set_connect_state(session.#ssl);
    // Mode 0: a chain is verified, and judged after the handshake; but all of it, not up to its first error.
    c.SSL_set_verify(session.#ssl, 0, openssl.acceptAny);
    if (serverName !== '') c.SSL_set_host(session.#ssl, setHostName, 0, serverName);
    if (protocols.length > 0) c.SSL_set_alpn_protos(session.#ssl, protocols, protocols.length);
    if (settings.session !== undefined) c.SSL_set_session(session.#ssl, settings.session.pointer);
    return session;
  }

  /** Gives each line of the session's keys to `write`; before the handshake, where the context tells them. */
  tellKeys(write: (line: string) => void): void {
    this.#tellsKeys = true;
    this.#openssl.sessionKeys.tell(this.#ssl, write);
  }

  /** Goes on with the handshake. */
  handshake(): 'done' | 'more' | 'failed' {
    const { c } = this.#openssl;
    c.ERR_clear_error();
    this.#openssl.startVerification(this.#judge);
    const result = c.SSL_do_handshake(this.#ssl);
    this.#chainFailure ??= this.#openssl.chainFailure;
    if (result !== 1) return c.SSL_get_error(this.#ssl, result) === wantsBytes ? 'more' : 'failed';
    // What was tolerated in the peer's certificate must not be taken for an error of a later read.
    c.ERR_clear_error();
    return 'done';
  }

  /** Why the peer is refused whose handshake has failed by `error`; undefined where that is not the reason. */
  refusal(error: string): PeerRefusal | undefined {
    return error.startsWith(noCertificate) ? 'no_certificate' : this.#refusal;
  }

  /** What is wrong with the chain that the peer showed, in words; undefined for a good one. */
  get chainFailure(): string | undefined {
    return this.#chainFailure;
  }

  /** Decrypts into `buffer` from `at` on; how many bytes: 0 where nothing more is there, see {@link ended}. */
  read(buffer: Uint8Array, at: number): number {
    const { c, addresses } = this.#openssl;
    const read = c.SSL_read(this.#address, addresses.of(buffer) + at, buffer.length - at);
    return read > 0 ? read : this.#stopped(buffer, at);
  }

  /** Learns why nothing more is there. */
  #stopped(buffer: Uint8Array, at: number): number {
    const { c, addresses } = this.#openssl;
    if (this.#wantsBytes) return 0;
    if (this.#peerHasEnded) {
      // A fatal alert ends a connection too, and is an error besides.
      const error = this.#openssl.takeError();
      if (error.includes(' alert ')) this.#error = error;
      this.#ended = this.#error === '' ? 'closed' : 'broken';
      return 0;
    }
    // An error that somebody else has left is taken for one of this read: without it, the same read tells.
    this.#error = this.#openssl.takeError();
    const read = c.SSL_read(this.#address, addresses.of(buffer) + at, buffer.length - at);
    if (read > 0) return read;
    if (!this.#wantsBytes) this.#ended = this.#peerHasEnded ? 'closed' : 'broken';
    c.ERR_clear_error();
    return 0;
  }

  get #wantsBytes(): boolean {
    return this.#openssl.c.SSL_get_error(this.#ssl, -1) === wantsBytes;
  }

  get #peerHasEnded(): boolean {
    return (this.#openssl.c.SSL_get_shutdown(this.#ssl) & peerHasEnded) !== 0;
  }

  /** What it means that nothing more is there. */
  get ended(): 'no' | 'closed' | 'broken' {
    return this.#ended;
  }

  /** OpenSSL's words for why the connection is broken. */
  get error(): string {
    return this.#error;
  }

  /** Encrypts all of `buffer[0, length)`; false where it cannot: see {@link error}. */
  write(buffer: Uint8Array, length: number): boolean {
    const { c, addresses } = this.#openssl;
    if (c.SSL_write(this.#address, addresses.of(buffer), length) > 0) return true;
    this.#error = this.#openssl.takeError();
    return false;
  }

  /** Says that nothing more will come from us. */
  shutdown(): void {
    const { c } = this.#openssl;
    // An error that stays would be taken for one of Node's own connections.
    if (c.SSL_shutdown(this.#ssl) < 0) c.ERR_clear_error();
  }

  /** To be called once, when the connection is over. */
  free(): void {
    const { c } = this.#openssl;
    // Freed in the midst, OpenSSL would take the session for a bad one, that must not be resumed; real errors mark it before.
    if (this.#keptSession) c.SSL_set_shutdown(this.#ssl, bothHaveEnded);
    if (this.#tellsKeys) this.#openssl.sessionKeys.forget(this.#ssl);
    c.SSL_free(this.#ssl);
    this.#ssl = 0n;
    this.#address = 0;
  }

  /** Undefined for a good chain; only the certificates of the peer tell whether it showed any. */
  get chainError(): string | undefined {
    return chainErrorOf(this.#openssl.c.SSL_get_verify_result(this.#ssl));
  }

  /** The client's random bytes of the handshake, which both ends know, in hexadecimal; other ones for each connection. */
  get clientRandom(): string {
    const { c } = this.#openssl;
    c.SSL_get_client_random(this.#ssl, randomBytes, randomBytes.length);
    return randomBytes.toString('hex');
  }

  get version(): string {
    return this.#openssl.c.SSL_get_version(this.#ssl);
  }

  /** Also the one that a handshake which has not ended has agreed on; empty before. */
  get cipher(): string {
    const { c } = this.#openssl;
    const cipher = c.SSL_get_current_cipher(this.#ssl) || c.SSL_get_pending_cipher(this.#ssl);
    return cipher ? c.SSL_CIPHER_get_name(cipher) : '';
  }

  /** The group that keys were agreed on by, as Envoy's statistics name it; empty for none. */
  get group(): string {
    return groupName(this.#openssl.c.SSL_ctrl(this.#ssl, getNegotiatedGroup, 0, 0n));
  }

  /** The scheme of the peer's signature (RFC 8446 section 4.2.3); empty where it has signed nothing. */
  get peerSignature(): string {
    const { c } = this.#openssl;
    const [type, digest] = [[0], Buffer.alloc(4)];
    if (c.SSL_get_peer_signature_type_nid(this.#ssl, type) !== 1) return '';
    if (c.SSL_get_peer_digest(this.#ssl, getPeerDigest, 0, digest) !== 1) return '';
    return signatureName(type[0] as number, digest.readInt32LE(0));
  }

  get resumed(): boolean {
    return this.#openssl.c.SSL_session_reused(this.#ssl) === 1;
  }

  /** What was agreed on by ALPN; empty for nothing. */
  get protocol(): string {
    const { c, library } = this.#openssl;
    const pointer: Pointer[] = [0n];
    const length = [0];
    c.SSL_get0_alpn_selected(this.#ssl, pointer, length);
    const size = length[0] as number;
    if (size === 0) return '';
    return Buffer.from(library.koffi.view(pointer[0], size)).toString('latin1');
  }

  /** The session's id, each byte a character; empty where it has none: a server's of TLS 1.3, whose tickets stand for it. */
  get id(): string {
    const { c, library } = this.#openssl;
    if (this.#isServer && this.version === 'TLSv1.3') return '';
    const session = c.SSL_get_session(this.#ssl);
    if (!session) return '';
    const length = [0];
    const id = c.SSL_SESSION_get_id(session, length);
    const size = length[0] as number;
    return size === 0 ? '' : Buffer.from(library.koffi.view(id, size)).toString('latin1');
  }

  /** That of ours which is shown: one of {@link TlsContext.certificates}; 0 for none. */
  get ownCertificate(): Pointer {
    return this.#openssl.c.SSL_get_certificate(this.#ssl);
  }

  /** The peer's own certificate; undefined where it showed none. */
  peerCertificate(): Certificate | undefined {
    if (this.#peer !== undefined) return this.#peer;
    const { c, library } = this.#openssl;
    const pointer = c.SSL_get1_peer_certificate(this.#ssl);
    if (!pointer) return undefined;
    this.#peer = Certificate.of(library, pointer);
    c.X509_free(pointer);
    return this.#peer;
  }

  /** DER of all certificates that the peer showed; empty on a resumed session. */
  peerChain(): Buffer[] {
    const { c } = this.#openssl;
    const stack = c.SSL_get_peer_cert_chain(this.#ssl);
    if (!stack) return [];
    // The server's side of OpenSSL leaves the client's own certificate out of its chain.
    const own = c.SSL_get1_peer_certificate(this.#ssl);
    const chain = own ? [this.#openssl.derOf(own)] : [];
    if (own) c.X509_free(own);
    for (let i = 0; i < c.OPENSSL_sk_num(stack); i++)
      chain.push(this.#openssl.derOf(c.OPENSSL_sk_value(stack, i)));
    return chain;
  }

  /** Holds on to the session, where the server lets it be resumed. */
  keepSession(): ResumableSession | undefined {
    const { c } = this.#openssl;
    const pointer = c.SSL_get1_session(this.#ssl);
    if (!pointer) return undefined;
    if (c.SSL_SESSION_is_resumable(pointer) !== 1) {
      c.SSL_SESSION_free(pointer);
      return undefined;
    }
    this.#keptSession = true;
    const session: ResumableSession = { pointer };
    this.#openssl.freeWith(session, () => c.SSL_SESSION_free(pointer));
    return session;
  }
}

function chainErrorOf(code: number): string | undefined {
  if (code === goodChain) return undefined;
  if (code === notYetValid) return 'CERT_NOT_YET_VALID';
  return code === expired ? 'CERT_HAS_EXPIRED' : `X509_V_ERR_${code}`;
}
