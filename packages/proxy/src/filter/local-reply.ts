import type { RequestHead, ResponseHead } from '../codec/head.ts';
import { isGrpc } from '../codec/grpc-timeout.ts';
import { headerName, names } from '../codec/header-name.ts';
import { grpcStatusOfHttp } from '../telemetry/grpc-status.ts';
import type { LocalReplyOptions } from './http-filter.ts';

/** Percent-encodes a gRPC message: printable ASCII but `%` stays. */
function grpcMessage(text: string): string {
  return text.replace(/[^ -$&-~]/gu, (character) => encodeURIComponent(character));
}

/**
 * Fills the head of an answer that the proxy gives itself, and returns its body. A gRPC request gets
 * an answer that gRPC clients understand: 200 with `grpc-status`.
 */
export function fillLocalReply(
  head: ResponseHead,
  request: RequestHead,
  status: number,
  text: string,
  options: LocalReplyOptions = {},
): Buffer {
  const { headers } = head;
  for (const [name, value] of options.headers ?? []) headers.add(headerName(name), value);
  if (isGrpc(request.headers)) {
    head.status = 200;
    headers.set(names.contentType, 'application/grpc');
    headers.set(names.grpcStatus, String(options.grpcStatus ?? grpcStatusOfHttp(status)));
    if (text !== '') headers.set(names.grpcMessage, grpcMessage(text));
    return Buffer.alloc(0);
  }
  head.status = status;
  const body = options.rawBody ?? Buffer.from(text, 'utf8');
  if (body.length > 0) {
    headers.add(names.contentLength, String(body.length));
    headers.add(names.contentType, options.contentType ?? 'text/plain');
  }
  return body;
}
