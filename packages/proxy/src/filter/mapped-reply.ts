import type { RequestHead, ResponseHead } from '../codec/head.ts';
import type { LocalReplyOptions } from './http-filter.ts';
import { fillLocalReply } from './local-reply.ts';
import type { LocalReplyRules, ReplyInfo } from './local-reply-rules.ts';

/** Fills the head of an answer of the proxy itself as the rules of the connection manager have it; returns its body. */
export function fillMappedReply(
  rules: LocalReplyRules,
  exchange: ReplyInfo & { readonly head: RequestHead; response: ResponseHead | undefined },
  head: ResponseHead,
  status: number,
  body: string,
  options: LocalReplyOptions,
): Buffer {
  exchange.status = status;
  head.status = status;
  exchange.response = head;
  exchange.localReplyBody = body;
  const mapped = rules(exchange);
  const { contentType } = mapped;
  const changed = contentType === undefined ? options : { ...options, contentType };
  const bytes = fillLocalReply(head, exchange.head, mapped.status, mapped.body, changed);
  mapped.headers?.apply(head.headers, exchange);
  return bytes;
}
