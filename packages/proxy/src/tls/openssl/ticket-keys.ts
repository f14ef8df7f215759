import type { TlsContext } from './context.ts';
import type { Library, Pointer } from './functions.ts';

/** Bytes of a key as Envoy has them: a name, an HMAC key, an AES key. */
export const ticketKeyBytes = 80;
const nameBytes = 16;
const ivBytes = 16;
const hmacKeyBytes = 32;
/** SSL_CTRL_SET_TLSEXT_TICKET_KEY_CB. */
const setCallback = 72;
/** What the callback says of a ticket: leave it alone, take it, take it and give a new one. */
const unknown = 0;
const taken = 1;
const takenToBeRenewed = 2;

interface TicketKey {
  readonly name: Buffer;
  readonly hmac: Buffer;
  readonly aes: Buffer;
}

/**
 * Keys of ours for session tickets: the first one encrypts, all decrypt (AES-256-CBC with HMAC-SHA256, RFC 5077
 * section 4). Who has the same keys resumes the same sessions: the next context, the next process, another host.
 */
export class TicketKeys {
  readonly #library: Library;
  readonly #byContext = new Map<Pointer, readonly TicketKey[]>();
  readonly #callback: Pointer;

  constructor(library: Library) {
    const { koffi } = library;
    this.#library = library;
    const type = koffi.pointer(koffi.proto('int', ['void *', 'void *', 'void *', 'void *', 'void *', 'int']));
    this.#callback = koffi.register(this.#choose, type);
  }

  /** Has a context use these keys, {@link ticketKeyBytes} each; call the result when the context is gone. */
  use(context: TlsContext, keys: readonly Buffer[]): () => void {
    const { pointer } = context;
    const own = keys.map((key) => ({
      name: key.subarray(0, nameBytes),
      hmac: key.subarray(nameBytes, nameBytes + hmacKeyBytes),
      aes: key.subarray(nameBytes + hmacKeyBytes, ticketKeyBytes),
    }));
    const { functions: c } = this.#library;
    this.#byContext.set(pointer, own);
    c.SSL_CTX_callback_ctrl(pointer, setCallback, this.#callback);
    return () => {
      // The address may belong to a later context already.
      if (this.#byContext.get(pointer) === own) this.#byContext.delete(pointer);
    };
  }

  readonly #choose = (
    ssl: Pointer,
    name: Pointer,
    iv: Pointer,
    cipher: Pointer,
    hmac: Pointer,
    encrypts: number,
  ): number => {
    const { functions: c, koffi } = this.#library;
    const keys = this.#byContext.get(c.SSL_get_SSL_CTX(ssl)) ?? [];
    const shown = Buffer.from(koffi.view(name, nameBytes));
    const key = encrypts === 1 ? keys[0] : keys.find((one) => one.name.equals(shown));
    if (key === undefined) return unknown;
    if (encrypts === 1) {
      key.name.copy(shown);
      if (c.RAND_bytes(iv, ivBytes) !== 1) return -1;
    }
    const aes = c.EVP_aes_256_cbc();
    const ready =
      encrypts === 1
        ? c.EVP_EncryptInit_ex(cipher, aes, null, key.aes, iv)
        : c.EVP_DecryptInit_ex(cipher, aes, null, key.aes, iv);
    const done = ready === 1 && c.HMAC_Init_ex(hmac, key.hmac, hmacKeyBytes, c.EVP_sha256(), null) === 1;
    if (!done) return -1;
    return encrypts === 1 || key === keys[0] ? taken : takenToBeRenewed;
  };
}
