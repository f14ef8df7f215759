import type { TlsContext } from './context.ts';
import type { Library, Pointer } from './functions.ts';

/** Tells the session keys of connections to who wants them. */
export class SessionKeys {
  readonly #library: Library;
  readonly #bySession = new Map<Pointer, (line: string) => void>();
  readonly #callback: Pointer;

  constructor(library: Library) {
    const { koffi } = library;
    this.#library = library;
    const type = koffi.pointer(koffi.proto('void', ['void *', 'str']));
    this.#callback = koffi.register(this.#onKeys, type);
  }

  /** Has a context tell the keys of those of its connections that {@link tell} is called for. */
  use({ pointer }: TlsContext): void {
    this.#library.functions.SSL_CTX_set_keylog_callback(pointer, this.#callback);
  }

  /** `write` gets each line of a connection's keys, until {@link forget}. */
  tell(ssl: Pointer, write: (line: string) => void): void {
    this.#bySession.set(ssl, write);
  }

  forget(ssl: Pointer): void {
    this.#bySession.delete(ssl);
  }

  readonly #onKeys = (ssl: Pointer, line: string): void => {
    this.#bySession.get(ssl)?.(line);
  };
}
