import { readClientHello, type ClientHello } from './client-hello.ts';
import type { TlsContext } from './context.ts';
import type { Library, Pointer } from './functions.ts';

/** A certificate with its issuers and its key in native memory. */
export interface NativeCertificate {
  readonly certificate: Pointer;
  readonly key: Pointer;
  /** A `STACK_OF(X509)`. */
  readonly issuers: Pointer;
}

interface Choice {
  readonly certificates: readonly NativeCertificate[];
  readonly choose: (hello: ClientHello) => number;
}

/** SSL_CLIENT_HELLO_SUCCESS and SSL_CLIENT_HELLO_ERROR. */
const goOn = 1;
const giveUp = 0;

/** Gives each connection of a context the one of its certificates that suits the client's first message. */
export class CertificateChooser {
  readonly #library: Library;
  readonly #byContext = new Map<Pointer, Choice>();
  readonly #callback: Pointer;

  constructor(library: Library) {
    const { koffi } = library;
    this.#library = library;
    const type = koffi.pointer(koffi.proto('int', ['void *', 'void *', 'void *']));
    this.#callback = koffi.register(this.#onHello, type);
  }

  /** Has a context choose among these, which stay the caller's; call the result when the context is gone. */
  use({ pointer }: TlsContext, choice: Choice): () => void {
    this.#byContext.set(pointer, choice);
    this.#library.functions.SSL_CTX_set_client_hello_cb(pointer, this.#callback, null);
    return () => {
      // The address may belong to a later context already.
      if (this.#byContext.get(pointer) === choice) this.#byContext.delete(pointer);
    };
  }

  readonly #onHello = (ssl: Pointer): number => {
    const { functions: c } = this.#library;
    const choice = this.#byContext.get(c.SSL_get_SSL_CTX(ssl));
    if (choice === undefined) return giveUp;
    const index = choice.choose(
      readClientHello({
        cipherSuites: this.#cipherSuites(ssl),
        extension: (type) => this.#extension(ssl, type),
      }),
    );
    const chosen = choice.certificates[index];
    if (chosen === undefined) return giveUp;
    const { certificate, key, issuers } = chosen;
    return c.SSL_use_cert_and_key(ssl, certificate, key, issuers, 1) === 1 ? goOn : giveUp;
  };

  #cipherSuites(ssl: Pointer): Buffer {
    const at: Pointer[] = [0n];
    const length = this.#library.functions.SSL_client_hello_get0_ciphers(ssl, at);
    return this.#view(at[0], length);
  }

  #extension(ssl: Pointer, type: number): Buffer {
    const at: Pointer[] = [0n];
    const length = [0];
    const found = this.#library.functions.SSL_client_hello_get0_ext(ssl, type, at, length);
    return this.#view(at[0], found === 1 ? (length[0] as number) : 0);
  }

  /** Good until the callback returns. */
  #view(at: Pointer | undefined, length: number): Buffer {
    return length === 0 ? Buffer.alloc(0) : Buffer.from(this.#library.koffi.view(at, length));
  }
}
