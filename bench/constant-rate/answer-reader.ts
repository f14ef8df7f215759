/** An answer that is complete. */
export interface FixedAnswer {
  readonly status: number;
  /** Value of a header by its name in lower case; empty where it is not there. */
  header(name: string): string;
}

/** Reads answers with a `content-length` from one connection that carries one request at a time. */
export class AnswerReader {
  #head = '';
  #answer: FixedAnswer | undefined;
  #missingBytes = 0;

  /** The answer that this chunk completes; undefined while more is to come. Throws where there is no length. */
  read(chunk: Buffer): FixedAnswer | undefined {
    if (this.#answer === undefined) {
      const before = this.#head.length;
      this.#head += chunk.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return undefined;
      const headEnd = end + 4;
      this.#answer = parseHead(this.#head.slice(0, end));
      this.#missingBytes = Number(this.#answer.header('content-length')) - (before + chunk.length - headEnd);
      this.#head = '';
    } else this.#missingBytes -= chunk.length;
    if (this.#missingBytes > 0) return undefined;
    const answer = this.#answer;
    this.#answer = undefined;
    return answer;
  }
}

function parseHead(head: string): FixedAnswer {
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? Number.NaN);
  const header = (name: string): string =>
    new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*\\r?$`, 'im').exec(head)?.[1] ?? '';
  if (Number.isNaN(status) || !/^\d+$/.test(header('content-length'))) {
    throw new Error(`no answer with a length:\n${head}`);
  }
  return { status, header };
}
