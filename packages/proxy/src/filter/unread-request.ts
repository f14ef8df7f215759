import { RequestHead, type HttpVersion } from '../codec/head.ts';
import { breaksProtocol, faultDetails, type CodecFault } from '../http1/codec-fault.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import { flag } from '../telemetry/response-flags.ts';
import type { ConnectionManager } from './connection-manager.ts';
import { ExchangeRecord } from './exchange-record.ts';

/** A request of which nothing is known but that it could not be read. */
class UnreadRequest extends ExchangeRecord {
  onExpire(): void {}
}

/** Counts and logs a request that could not be read, and is not answered, as Envoy does: without method and path. */
export function recordUnread(
  manager: ConnectionManager,
  connection: ConnectionInfo,
  fault: CodecFault,
  version: HttpVersion,
): void {
  const { n } = manager.stats;
  n.rqTotal++;
  if (version === 'HTTP/2') n.rqHttp2Total++;
  else n.rqHttp1Total++;
  if (fault === 'gone') n.rqRxReset++;
  if (manager.observers.length === 0 && manager.accessLogs.length === 0) return;
  const head = new RequestHead();
  head.version = version;
  const record = new UnreadRequest(manager, connection, head);
  record.details = faultDetails(fault, version);
  if (fault === 'gone') record.flags = flag.downstreamConnectionTermination;
  else if (breaksProtocol(fault)) record.flags = flag.downstreamProtocolError;
  for (const observer of manager.observers) observer.onRequest(record, manager.direction);
  for (const log of manager.accessLogs) log.log(record);
}
