/** A message of HTTP/1.1, as far as it has come. */
export interface Http1Message {
  readonly startLine: string;
  /** `name: value`, with the name as it was sent. */
  readonly headers: readonly string[];
  readonly body: string;
  readonly framing: 'none' | 'length' | 'chunks' | 'close';
  readonly trailers: readonly string[];
  /** False where something of it is missing or cannot be read. */
  readonly whole: boolean;
}

/** Tells messages apart in bytes of one side; `bodiless` says of which answers a head is all. */
export function readMessages(
  text: string,
  bodiless: (index: number) => boolean = () => false,
): Http1Message[] {
  const messages: Http1Message[] = [];
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf('\r\n\r\n', at);
    if (end < 0) {
      messages.push({ ...headOf(text.slice(at)), body: '', framing: 'none', trailers: [], whole: false });
      break;
    }
    const head = headOf(text.slice(at, end));
    const read = readBody(text, end + 4, head, bodiless(messages.length));
    messages.push({ ...head, ...read.message });
    at = read.end;
  }
  return messages;
}

function headOf(text: string): Pick<Http1Message, 'startLine' | 'headers'> {
  const [startLine = '', ...headers] = text.split('\r\n');
  return { startLine, headers };
}

interface ReadBody {
  readonly message: Pick<Http1Message, 'body' | 'framing' | 'trailers' | 'whole'>;
  readonly end: number;
}

function readBody(
  text: string,
  from: number,
  { startLine, headers }: Pick<Http1Message, 'startLine' | 'headers'>,
  bodiless: boolean,
): ReadBody {
  const header = (name: string): string | undefined =>
    headers
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim();
  const isAnswer = startLine.startsWith('HTTP/');
  const code = isAnswer ? startLine.slice(9, 12) : '';
  const none = { body: '', framing: 'none', trailers: [], whole: true } as const;
  if (code === '101') {
    return { message: { ...none, body: text.slice(from), framing: 'close' }, end: text.length };
  }
  if (bodiless || code.startsWith('1') || code === '204' || code === '304')
    return { message: none, end: from };
  if (header('transfer-encoding')?.toLowerCase().endsWith('chunked') === true) return readChunks(text, from);
  const length = header('content-length');
  if (length !== undefined) {
    const end = from + Number(length);
    const body = text.slice(from, end);
    return {
      message: { body, framing: 'length', trailers: [], whole: body.length === Number(length) },
      end: Math.min(end, text.length),
    };
  }
  if (!isAnswer) return { message: none, end: from };
  return {
    message: { body: text.slice(from), framing: 'close', trailers: [], whole: true },
    end: text.length,
  };
}

function readChunks(text: string, from: number): ReadBody {
  let body = '';
  let at = from;
  const broken = (): ReadBody => ({
    message: { body: body + text.slice(at), framing: 'chunks', trailers: [], whole: false },
    end: text.length,
  });
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at);
    const size = lineEnd < 0 ? Number.NaN : Number.parseInt(text.slice(at, lineEnd), 16);
    if (Number.isNaN(size)) return broken();
    if (size === 0) break;
    body += text.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + 2 + size + 2;
    if (at > text.length) return { ...broken(), end: text.length };
  }
  const trailers: string[] = [];
  at = text.indexOf('\r\n', at) + 2;
  for (;;) {
    const end = text.indexOf('\r\n', at);
    if (end < 0) return broken();
    const line = text.slice(at, end);
    at = end + 2;
    if (line === '') return { message: { body, framing: 'chunks', trailers, whole: true }, end: at };
    trailers.push(line);
  }
}
