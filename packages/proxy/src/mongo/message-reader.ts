import { BsonError } from './bson.ts';
import { headBytes, readMessage, type MongoMessage } from './message.ts';

/** MongoDB's own limit of a message (`maxMessageSizeBytes`). */
const maxMessageBytes = 48_000_000;
/** Of a longer message only the beginning is looked at, so that watching costs a connection no more memory. */
const maxKeptBytes = 256 * 1024;
/** What is looked at of it: MongoDB's names of collections have 255 bytes at most, with their databases. */
const beginningBytes = headBytes + 4 + 256;

/** Cuts a stream into messages and reads them, in any pieces. */
export class MessageReader {
  readonly #onMessage: (message: MongoMessage) => void;
  #kept: Buffer[] = [];
  #keptBytes = 0;
  /** Of the message under way, its head included; 0 while the head is not complete. */
  #length = 0;
  /** So much of it is kept. */
  #wanted = headBytes;
  /** Bytes of a long message that are still to come. */
  #skip = 0;

  constructor(onMessage: (message: MongoMessage) => void) {
    this.#onMessage = onMessage;
  }

  /** Throws a {@link BsonError} at what is no message; the reader is of no use then. */
  push(buffer: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, end - at);
        this.#skip -= skipped;
        at += skipped;
        continue;
      }
      const wanted = this.#wanted - this.#keptBytes;
      const taken = Math.min(wanted, end - at);
      this.#kept.push(Buffer.from(buffer.subarray(at, at + taken)));
      this.#keptBytes += taken;
      at += taken;
      if (taken === wanted) this.#advance();
    }
  }

  #advance(): void {
    const bytes = this.#kept.length === 1 ? (this.#kept[0] as Buffer) : Buffer.concat(this.#kept);
    if (this.#length === 0) {
      const length = bytes.readInt32LE(0);
      if (length < headBytes || length > maxMessageBytes)
        throw new BsonError(`a message of ${length} bytes does not exist`);
      this.#length = length;
      if (length > headBytes) {
        this.#wanted = length <= maxKeptBytes ? length : beginningBytes;
        return;
      }
    }
    this.#skip = this.#length - this.#wanted;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#length = 0;
    this.#wanted = headBytes;
    this.#onMessage(readMessage(bytes, this.#skip === 0));
  }
}
