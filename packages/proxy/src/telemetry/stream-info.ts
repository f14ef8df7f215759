import type { ByteMeter } from '../codec/byte-meter.ts';
import type { GrpcMessages } from '../codec/grpc-messages.ts';
import type { HttpVersion, RequestHead, ResponseHead } from '../codec/head.ts';
import type { HeaderBlock } from '../codec/header-block.ts';
import type { SocketAddress } from '../model/address.ts';
import type { Host } from '../cluster/host.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Metadata } from '../model/metadata.ts';
import type { ConnectTimes } from '../wire/connect-times.ts';
import type { TlsInfo } from '../wire/tls-info.ts';
import type { Peer } from './peer.ts';

/** Envoy's `AccessLogType`, as far as lines are written at these events. */
export type AccessLogType =
  | 'NotSet'
  | 'DownstreamStart'
  | 'DownstreamPeriodic'
  | 'DownstreamTunnelSuccessfullyEstablished'
  | 'DownstreamEnd'
  | 'UpstreamPoolReady'
  | 'UpstreamPeriodic'
  | 'UpstreamEnd'
  | 'TcpUpstreamConnected'
  | 'TcpPeriodic'
  | 'TcpConnectionEnd';

/** The event at which a line is written. */
export function logTypeOf({ logType, request }: StreamInfo): AccessLogType {
  return logType ?? (request === undefined ? 'TcpConnectionEnd' : 'DownstreamEnd');
}

/** How a connection has ended (Envoy, `DetectedCloseType` and local close reasons). */
export interface CloseInfo {
  readonly type: 'Normal' | 'LocalReset' | 'RemoteReset';
  /** Why we closed it; empty where the peer did. */
  readonly reason: string;
}

/** What is known of one request, or of one TCP connection, when it is told to logs and formats. */
export interface StreamInfo {
  /** Undefined for TCP. */
  readonly request: RequestHead | undefined;
  readonly response: ResponseHead | undefined;
  readonly responseTrailers: HeaderBlock | undefined;
  /** 0 where no response was sent. */
  readonly status: number;
  readonly flags: number;
  /** Envoy's response code details, as in `via_upstream`. */
  readonly details: string;
  /** Envoy's connection termination details, as those of role-based rules; undefined or empty where there are none. */
  readonly terminationDetails?: string | undefined;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** On the wires; undefined where they are not counted. Those to endpoints of all tries together. */
  readonly downstreamBytes?: ByteMeter | undefined;
  readonly upstreamBytes?: ByteMeter | undefined;
  /** Wall time of the start, milliseconds since the epoch. */
  readonly startWallMs: number;
  /** Since the start; undefined where it did not come to that. */
  readonly durationMs: number;
  readonly requestDurationMs: number | undefined;
  readonly responseDurationMs: number | undefined;
  /** Since the start: when there was a connection to the endpoint, and the request began to go there. */
  readonly upstreamReadyMs?: number | undefined;
  /** When that connection was made, since the start: before it where the connection was there. */
  readonly connectTimes?: ConnectTimes | undefined;
  /** Since the start: when the body of the answer began. */
  readonly bodyBeginMs?: number | undefined;
  /** How long a connection to the endpoint was waited for. */
  readonly poolReadyMs?: number | undefined;
  /** Of the listener's filter chain. */
  readonly filterChainName?: string | undefined;
  readonly downstreamRemote: SocketAddress | undefined;
  readonly downstreamDirectRemote: SocketAddress | undefined;
  readonly downstreamLocal: SocketAddress | undefined;
  readonly downstreamTls: TlsInfo | undefined;
  /** Of TCP: how long after its acceptance the connection was secure. */
  readonly handshakeMs?: number | undefined;
  readonly requestedServerName: string;
  /** Fingerprints of the client's TLS, where an inspector takes them. */
  readonly ja3?: string | undefined;
  readonly ja4?: string | undefined;
  readonly upstreamHost: string;
  readonly upstreamLocal: string;
  readonly upstreamConnectionId?: number | undefined;
  /** Undefined where there was no connection, or it speaks no HTTP. */
  readonly upstreamProtocol?: HttpVersion | undefined;
  /** Of the connection to the endpoint. */
  readonly upstreamTls?: TlsInfo | undefined;
  readonly upstreamCluster: string;
  readonly upstreamFailure: string;
  /** Why the client's connection could not be made secure. */
  readonly downstreamFailure?: string | undefined;
  /** How connections have ended that have; undefined where it is not known. */
  readonly downstreamClose?: CloseInfo | undefined;
  readonly upstreamClose?: CloseInfo | undefined;
  readonly routeName: string;
  readonly routeMetadata?: Metadata | undefined;
  /** Of a request that is traced. */
  readonly traceId?: string;
  /** At which event a line is written; default: the end. */
  readonly logType?: AccessLogType;
  /** The text of an answer of the proxy itself, while its body is made. */
  readonly localReplyBody?: string;
  readonly virtualHost: string;
  /** Of a request that is sent on. */
  readonly virtualClusterName?: string | undefined;
  /** True for a request that the health check filter has recognised. */
  readonly healthCheck?: boolean;
  readonly attempts: number;
  readonly connectionId: number;
  /** Who the other end says it is, where it was told. */
  readonly peer: Peer | undefined;
  /** Of a gRPC request whose messages are counted. */
  readonly grpcMessages?: GrpcMessages | undefined;
  /** The endpoint that the request went to. */
  readonly endpoint: Host | undefined;
  readonly upstreamModel: Cluster | undefined;
  /** What filters found out, by namespace and key. */
  readonly dynamicMetadata: Metadata | undefined;
}
