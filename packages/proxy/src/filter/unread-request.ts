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

/** Counts and logs a request that could not be read, as Envoy does: without method and path, with the flag DPE. */
export function recordUnread(
  manager: ConnectionManager,
  connection: ConnectionInfo,
  fault: CodecFault,
  status: number,
  version: HttpVersion,
): void {
  const { stats } = manager;
  const { n } = stats;
  n.rqTotal++;
  if (version === 'HTTP/2') n.rqHttp2Total++;
  else n.rqHttp1Total++;
  if (fault === 'head_timeout') n.rqHeaderTimeout++;
  else if (fault === 'gone') n.rqRxReset++;
  if (status > 0) stats.countStatus(status);
  if (manager.observers.length === 0 && manager.accessLogs.length === 0) return;
  const head = new RequestHead();
  head.version = version;
  const record = new UnreadRequest(manager, connection, head);
  record.status = status;
  record.details = faultDetails(fault, version);
  if (fault === 'gone') record.flags = flag.downstreamConnectionTermination;
  else if (breaksProtocol(fault)) record.flags = flag.downstreamProtocolError;
  for (const observer of manager.observers) observer.onRequest(record, manager.direction);
  for (const log of manager.accessLogs) log.log(record);
}
