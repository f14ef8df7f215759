import type { Host } from '../cluster/host.ts';
import { bodyBytes, noBytes, type ByteMeter } from '../codec/byte-meter.ts';
import { formatAddress, type SocketAddress } from '../model/address.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Metadata } from '../model/metadata.ts';
import type { ConnectionInfo } from '../listener/connection-info.ts';
import type { AccessLogType, CloseInfo, StreamInfo } from '../telemetry/stream-info.ts';
import type { TlsInfo } from '../wire/tls-info.ts';

/** What changes while a TCP connection lasts. */
export interface TcpStreamState {
  readonly flags: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly startWallMs: number;
  readonly durationMs: number;
  readonly attempts: number;
  readonly host: Host | undefined;
  readonly cluster: { readonly name: string; readonly model: Cluster } | undefined;
  readonly failure: string;
  /** Undefined before the end. */
  readonly downstreamClose: CloseInfo | undefined;
  readonly upstreamClose: CloseInfo | undefined;
  readonly logType: AccessLogType | undefined;
  readonly upstream:
    | {
        readonly closed: boolean;
        readonly localAddress: string;
        readonly localPort: number;
        readonly tls: TlsInfo | undefined;
        readonly meter?: ByteMeter | undefined;
      }
    | undefined;
  /** The upstream's local address, where it was asked for in time; else empty. */
  readonly upstreamLocal: string;
  /** Undefined where nobody asks for it. */
  readonly upstreamConnectionId: number | undefined;
}

/** What is known of a TCP connection, worked out when it is asked for: most connections are only counted. */
export class TcpStreamInfo implements StreamInfo {
  readonly #info: ConnectionInfo;
  readonly #state: TcpStreamState;

  constructor(info: ConnectionInfo, state: TcpStreamState) {
    this.#info = info;
    this.#state = state;
  }

  get request(): undefined {
    return undefined;
  }
  get response(): undefined {
    return undefined;
  }
  get responseTrailers(): undefined {
    return undefined;
  }
  get status(): number {
    return 0;
  }
  get flags(): number {
    return this.#state.flags;
  }
  get details(): string {
    return '';
  }
  get terminationDetails(): string {
    return this.#info.refusal?.details ?? '';
  }
  get bytesReceived(): number {
    return this.#state.bytesReceived;
  }
  get bytesSent(): number {
    return this.#state.bytesSent;
  }
  get downstreamBytes(): ByteMeter {
    return bodyBytes(this.bytesReceived, this.bytesSent);
  }
  get upstreamBytes(): ByteMeter {
    const { host, upstream } = this.#state;
    if (upstream?.meter !== undefined) return upstream.meter;
    return host === undefined ? noBytes : bodyBytes(this.bytesSent, this.bytesReceived);
  }
  get startWallMs(): number {
    return this.#state.startWallMs;
  }
  get durationMs(): number {
    return this.#state.durationMs;
  }
  get requestDurationMs(): undefined {
    return undefined;
  }
  get responseDurationMs(): undefined {
    return undefined;
  }
  get filterChainName(): string {
    return this.#info.filterChainName ?? '';
  }
  get downstreamRemote(): SocketAddress {
    return this.#info.remote;
  }
  get downstreamDirectRemote(): SocketAddress {
    return this.#info.directRemote;
  }
  get downstreamLocal(): SocketAddress {
    return this.#info.local;
  }
  get downstreamTls(): TlsInfo | undefined {
    return this.#info.tls;
  }
  get downstreamFailure(): string | undefined {
    return this.#info.failure;
  }
  get handshakeMs(): number | undefined {
    return this.#info.handshakeMs;
  }
  get downstreamClose(): CloseInfo | undefined {
    return this.#state.downstreamClose;
  }
  get upstreamClose(): CloseInfo | undefined {
    return this.#state.upstreamClose;
  }
  get ja3(): string | undefined {
    return this.#info.ja3;
  }
  get ja4(): string | undefined {
    return this.#info.ja4;
  }
  get requestedServerName(): string {
    return this.#info.serverName;
  }
  get upstreamHost(): string {
    const { host } = this.#state;
    return host === undefined ? '' : formatAddress(host.address);
  }
  get upstreamLocal(): string {
    const { upstream, upstreamLocal } = this.#state;
    if (upstreamLocal !== '' || upstream === undefined || upstream.closed) return upstreamLocal;
    return `${upstream.localAddress}:${upstream.localPort}`;
  }
  get upstreamConnectionId(): number | undefined {
    return this.#state.upstreamConnectionId;
  }
  get upstreamTls(): TlsInfo | undefined {
    return this.#state.upstream?.tls;
  }
  get upstreamCluster(): string {
    return this.#state.cluster?.name ?? '';
  }
  get upstreamFailure(): string {
    return this.#state.failure;
  }
  get routeName(): string {
    return '';
  }
  get virtualHost(): string {
    return '';
  }
  get attempts(): number {
    return this.#state.attempts;
  }
  get connectionId(): number {
    return this.#info.id;
  }
  get logType(): AccessLogType {
    return this.#state.logType ?? 'TcpConnectionEnd';
  }
  get peer(): undefined {
    return undefined;
  }
  get endpoint(): Host | undefined {
    return this.#state.host;
  }
  get upstreamModel(): Cluster | undefined {
    return this.#state.cluster?.model;
  }
  get dynamicMetadata(): Metadata | undefined {
    return this.#info.metadata;
  }
}
