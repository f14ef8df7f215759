import type { TlsContext } from './context.ts';
import type { Library, Pointer } from './functions.ts';

/** What was done where a client wanted to see what an authority says of our certificate. */
export type Stapled = 'response' | 'omitted' | 'failed';

/** Decides, by the place of the certificate that is shown among those of its context, what a client gets: bytes (DER), or one of the others. */
export type StapleChoice = (index: number) => Buffer | Exclude<Stapled, 'response'>;

interface Rules {
  readonly certificates: readonly Pointer[];
  readonly choose: StapleChoice;
}

/** SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB and SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP. */
const setCallback = 63;
const setResponse = 71;
/** SSL_TLSEXT_ERR_OK, SSL_TLSEXT_ERR_ALERT_FATAL and SSL_TLSEXT_ERR_NOACK. */
const stapled = 0;
const fatal = 2;
const nothing = 3;

/** Shows clients that ask for it (RFC 6066 section 8) what an authority says of the certificate. */
export class OcspStapler {
  readonly #library: Library;
  readonly #note: (what: Stapled) => void;
  readonly #byContext = new Map<Pointer, Rules>();
  readonly #callback: Pointer;

  /** `note` hears of each client that asks. */
  constructor(library: Library, note: (what: Stapled) => void) {
    const { koffi } = library;
    this.#library = library;
    this.#note = note;
    const type = koffi.pointer(koffi.proto('int', ['void *', 'void *']));
    this.#callback = koffi.register(this.#onRequest, type);
  }

  /** Has a context staple; call the result when the context is gone. */
  use({ pointer, certificates }: TlsContext, choose: StapleChoice): () => void {
    const rules: Rules = { certificates, choose };
    this.#byContext.set(pointer, rules);
    this.#library.functions.SSL_CTX_callback_ctrl(pointer, setCallback, this.#callback);
    return () => {
      // The address may belong to a later context already.
      if (this.#byContext.get(pointer) === rules) this.#byContext.delete(pointer);
    };
  }

  readonly #onRequest = (ssl: Pointer): number => {
    const { functions: c, koffi } = this.#library;
    const rules = this.#byContext.get(c.SSL_get_SSL_CTX(ssl));
    const choice = rules?.choose(rules.certificates.indexOf(c.SSL_get_certificate(ssl))) ?? 'omitted';
    if (typeof choice === 'string') {
      this.#note(choice);
      return choice === 'failed' ? fatal : nothing;
    }
    // OpenSSL frees it with the connection.
    const copy = c.CRYPTO_malloc(choice.length, null, 0);
    new Uint8Array(koffi.view(copy, choice.length)).set(choice);
    c.SSL_ctrl(ssl, setResponse, choice.length, copy);
    this.#note('response');
    return stapled;
  };
}
