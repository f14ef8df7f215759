/** Bytes that went over the connections that share it, as the application sees them (inside of TLS). */
export class ByteCounter {
  received = 0;
  sent = 0;
}

/** Bytes of one connection, which are counted where those of others are too. */
export class ConnectionBytes implements ByteCounter {
  /** Where else they are counted. */
  shared: ByteCounter;
  #received = 0;
  #sent = 0;

  constructor(shared: ByteCounter) {
    this.shared = shared;
  }

  get received(): number {
    return this.#received;
  }

  set received(bytes: number) {
    this.shared.received += bytes - this.#received;
    this.#received = bytes;
  }

  get sent(): number {
    return this.#sent;
  }

  set sent(bytes: number) {
    this.shared.sent += bytes - this.#sent;
    this.#sent = bytes;
  }
}
