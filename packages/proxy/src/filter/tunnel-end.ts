import type { ResponseHead } from '../codec/head.ts';
import { downstreamEnds, type DownstreamEnd } from './downstream-end.ts';
import type { ExchangeRecord } from './exchange-record.ts';
import { failureDetails, failureReports } from '../attempt/failure.ts';
import { endsTunnel } from './router/upstream-head.ts';

const byEndpoint: DownstreamEnd = {
  bit: failureReports.connection_closed.flag,
  details: failureDetails('connection_closed', '', 'after_response_started'),
};

/**
 * What is recorded of a tunnel whose endpoint has sent its last byte, before or after its client has: as in Envoy the
 * end of a connection where HTTP/1 carries the tunnel, which has no other. Undefined where it is the end of a stream,
 * or of an endpoint that gets what is in the tunnel and speaks no HTTP.
 */
export function tunnelEnd(
  { head, route, requestDurationMs }: ExchangeRecord,
  response: ResponseHead,
): DownstreamEnd | undefined {
  if (requestDurationMs !== undefined)
    return head.version === 'HTTP/2' ? undefined : downstreamEnds.connection_closed;
  const endsHere = route?.action.kind === 'forward' && endsTunnel(head, route.action);
  return endsHere || response.version === 'HTTP/2' ? undefined : byEndpoint;
}
