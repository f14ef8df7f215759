import { bodyBytes, noBytes } from '../codec/byte-meter.ts';
import type { StreamInfo } from '../telemetry/stream-info.ts';
import type { ByteCounter } from '../wire/byte-counter.ts';
import type { ConnectionInfo } from './connection-info.ts';

/** When a connection was accepted, by the two clocks. */
export interface StartTime {
  readonly wallMs: number;
  readonly ms: number;
}

/** What has become of it. */
export interface ConnectionEvents {
  readonly flags: number;
  readonly bytes: ByteCounter | undefined;
}

/** What the access log of a listener is told of a connection that is gone, whoever served it. */
export function aboutConnection(
  info: ConnectionInfo,
  started: StartTime | undefined,
  nowMs: number,
  { flags, bytes }: ConnectionEvents,
): StreamInfo {
  return {
    request: undefined,
    response: undefined,
    responseTrailers: undefined,
    status: 0,
    flags: flags | (info.refusal?.flags ?? 0),
    details: flags === 0 ? '' : 'filter_chain_not_found',
    terminationDetails: info.refusal?.details,
    downstreamClose: info.refusal === undefined ? undefined : { type: 'Normal', reason: info.refusal.reason },
    bytesReceived: bytes?.received ?? 0,
    bytesSent: bytes?.sent ?? 0,
    downstreamBytes: bodyBytes(bytes?.received ?? 0, bytes?.sent ?? 0),
    upstreamBytes: noBytes,
    startWallMs: started?.wallMs ?? 0,
    durationMs: started === undefined ? 0 : nowMs - started.ms,
    requestDurationMs: undefined,
    responseDurationMs: undefined,
    downstreamRemote: info.remote,
    downstreamDirectRemote: info.directRemote,
    downstreamLocal: info.local,
    downstreamTls: info.tls,
    handshakeMs: info.handshakeMs,
    downstreamFailure: info.failure,
    requestedServerName: info.serverName,
    ja3: info.ja3,
    ja4: info.ja4,
    filterChainName: info.filterChainName,
    upstreamHost: '',
    upstreamLocal: '',
    upstreamCluster: '',
    upstreamFailure: '',
    routeName: '',
    logType: 'NotSet',
    virtualHost: '',
    attempts: 0,
    connectionId: info.id,
    peer: undefined,
    endpoint: undefined,
    upstreamModel: undefined,
    dynamicMetadata: info.metadata,
  };
}
