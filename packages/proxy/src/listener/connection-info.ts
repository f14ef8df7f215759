import type { SocketAddress } from '../model/address.ts';
import type { Metadata } from '../model/metadata.ts';
import type { Tlv } from '../proxy-protocol/proxy-header.ts';
import type { OriginalSource } from '../wire/transparent-socket.ts';
import type { TlsInfo } from '../wire/tls-info.ts';

/** Why a network filter has closed a connection, for logs. */
export interface ConnectionRefusal {
  /** Response flags. */
  readonly flags: number;
  /** Envoy's connection termination details; empty where it has none. */
  readonly details: string;
  /** Envoy's local close reason. */
  readonly reason: string;
}

/** What is known of a downstream connection from its beginning. */
export interface ConnectionInfo {
  readonly id: number;
  /** The peer, or whom the PROXY protocol names. */
  readonly remote: SocketAddress;
  readonly directRemote: SocketAddress;
  /** Where the client wanted to go: the original destination where it was redirected. */
  readonly local: SocketAddress;
  /** Undefined where the connection was not redirected. */
  readonly originalDestination: SocketAddress | undefined;
  /** Undefined on plain connections. */
  readonly tls: TlsInfo | undefined;
  /** From its acceptance to the end of the handshake; undefined on plain connections. */
  readonly handshakeMs?: number | undefined;
  /** SNI that was seen, also where TLS is not terminated here. */
  readonly serverName: string;
  /** Of its ClientHello, where an inspector takes them. */
  readonly ja3?: string | undefined;
  readonly ja4?: string | undefined;
  /** Of the filter chain that took it. */
  readonly filterChainName?: string | undefined;
  /** Fields of the PROXY protocol that endpoints may be told. */
  readonly tlvs: readonly Tlv[];
  /** Where connections to endpoints are to come from; undefined: from the proxy. */
  readonly source: OriginalSource | undefined;
  /** What listener and network filters found out, by namespace and key. */
  metadata: Metadata | undefined;
  /** Undefined while no filter has refused it. */
  refusal?: ConnectionRefusal;
  /** Why its TLS has failed, as Envoy says it; undefined where it has not. */
  readonly failure?: string | undefined;
}
