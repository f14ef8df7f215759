/** What an answer says; undefined: nothing (a null). Errors are values of their own kind. */
export type ReplyValue =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'integer'; readonly value: number }
  | { readonly kind: 'array'; readonly items: readonly (ReplyValue | undefined)[] };

/** Takes a whole answer apart, as a reader of replies gives it. */
export function valueOf(reply: Buffer): ReplyValue | undefined {
  let at = 0;
  const line = (): string => {
    const end = reply.indexOf('\r\n', at);
    const text = reply.toString('utf8', at, end);
    at = end + 2;
    return text;
  };
  const read = (): ReplyValue | undefined => {
    const head = line();
    const rest = head.slice(1);
    switch (head[0]) {
      case '+':
        return { kind: 'text', text: rest };
      case '-':
        return { kind: 'error', text: rest };
      case ':':
        return { kind: 'integer', value: Number(rest) };
      case '$': {
        const length = Number(rest);
        if (length < 0) return undefined;
        const text = reply.toString('utf8', at, at + length);
        at += length + 2;
        return { kind: 'text', text };
      }
      default: {
        const count = Number(rest);
        return count < 0 ? undefined : { kind: 'array', items: Array.from({ length: count }, read) };
      }
    }
  };
  return read();
}
