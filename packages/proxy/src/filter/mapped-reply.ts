import type { RequestHead, ResponseHead } from '../codec/head.ts';
import type { StreamInfo } from '../telemetry/stream-info.ts';
import type { LocalReplyOptions } from './http-filter.ts';
import { fillLocalReply } from './local-reply.ts';
import type { LocalReplyRules } from './local-reply-rules.ts';

/** Fills the head of an answer of the proxy itself as the rules of the connection manager have it; returns its body. */
export function fillMappedReply(
  rules: LocalReplyRules,
  exchange: StreamInfo & { readonly head: RequestHead; status: number; localReplyBody: string },
  head: ResponseHead,
  status: number,
  body: string,
  options: LocalReplyOptions,
): Buffer {
  exchange.status = status;
  exchange.localReplyBody = body;
  const mapped = rules(exchange);
  const { contentType } = mapped;
  const changed = contentType === undefined ? options : { ...options, contentType };
  const bytes = fillLocalReply(head, exchange.head, mapped.status, mapped.body, changed);
  mapped.headers?.apply(head.headers, exchange);
  return bytes;
}
