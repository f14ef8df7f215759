import type { ConnectionInfo } from '../listener/connection-info.ts';
import { TcpStreamInfo } from './tcp-stream-info.ts';
import type { TcpProxySetup } from './tcp-proxy-setup.ts';

/** The access log of a TCP proxy tells of connections too that a filter before it has closed, as Envoy's does. */
export function logRefused({ accessLogs, turn }: TcpProxySetup, info: ConnectionInfo): void {
  if (accessLogs.length === 0) return;
  const { refusal } = info;
  const told = new TcpStreamInfo(info, {
    flags: refusal?.flags ?? 0,
    bytesReceived: 0,
    bytesSent: 0,
    startWallMs: turn.wallMs,
    durationMs: 0,
    attempts: 0,
    host: undefined,
    cluster: undefined,
    failure: '',
    downstreamClose: { type: 'Normal', reason: refusal?.reason ?? '' },
    upstreamClose: undefined,
    logType: 'TcpConnectionEnd',
    upstream: undefined,
    upstreamLocal: '',
    upstreamConnectionId: undefined,
  });
  for (const log of accessLogs) log.log(told);
}
