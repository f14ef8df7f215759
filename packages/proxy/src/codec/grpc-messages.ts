/**
 * Counts the messages in one direction of a gRPC stream, as their bytes pass: each has a prefix of one byte of flags and
 * four of length (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
 */
export class GrpcMessageCounter {
  /** Messages whose prefix has passed. */
  count = 0;
  /** Bytes of the message that are to come. */
  #left = 0;
  /** Bytes of the prefix that have come. */
  #prefix = 0;
  #length = 0;

  data(buffer: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#left > 0) {
        const skip = Math.min(this.#left, end - at);
        this.#left -= skip;
        at += skip;
        continue;
      }
      const byte = buffer[at++] as number;
      if (this.#prefix > 0) this.#length = this.#length * 256 + byte;
      if (++this.#prefix < 5) continue;
      this.count++;
      this.#left = this.#length;
      this.#prefix = 0;
      this.#length = 0;
    }
  }
}

/** The messages of a gRPC request and of its response. */
export class GrpcMessages {
  readonly request = new GrpcMessageCounter();
  readonly response = new GrpcMessageCounter();
  /** When observers were told last. */
  toldMs: number;
  #toldRequest = 0;
  #toldResponse = 0;

  constructor(nowMs: number) {
    this.toldMs = nowMs;
  }

  /** What has come since the last time. */
  take(nowMs: number): MessageCounts {
    const request = this.request.count - this.#toldRequest;
    const response = this.response.count - this.#toldResponse;
    this.#toldRequest += request;
    this.#toldResponse += response;
    this.toldMs = nowMs;
    return { request, response };
  }
}

export interface MessageCounts {
  readonly request: number;
  readonly response: number;
}
