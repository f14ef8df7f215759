import type { IncomingHttpHeaders } from 'node:http';

/** Headers that a service must copy from the request it serves to those it makes, so that traces and routes hold. */
const propagated = [
  'x-request-id',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'b3',
  'traceparent',
  'tracestate',
  'x-ot-span-context',
  'x-cloud-trace-context',
  'grpc-trace-bin',
  'user-agent',
  'end-user',
  'cookie',
  'authorization',
  'jwt',
];

/** The headers of an incoming request that are to go along with the calls it causes. */
export function propagatedHeaders(incoming: IncomingHttpHeaders): Record<string, string> {
  const outgoing: Record<string, string> = {};
  for (const name of propagated) {
    const value = incoming[name];
    if (typeof value === 'string') outgoing[name] = value;
  }
  return outgoing;
}
