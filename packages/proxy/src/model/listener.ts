import type { AccessLog } from './access-log.ts';
import type { Address, CidrRange } from './address.ts';
import type { Metadata } from './metadata.ts';
import type { NetworkFilter } from './network-filter.ts';
import type { DownstreamTransport } from './tls.ts';

/**
 * Which connections a filter chain takes. Envoy's order of precedence: destination port,
 * destination address, server name, transport protocol, application protocols, directly connected
 * source address, source type, source address, source port. Empty lists and undefined match all.
 */
export interface FilterChainMatch {
  readonly destinationPort?: number;
  readonly prefixRanges: readonly CidrRange[];
  /** Exact, `*.suffix`. */
  readonly serverNames: readonly string[];
  /** `tls` or `raw_buffer`. */
  readonly transportProtocol?: string;
  /** As detected: ALPN names, or `http/1.0`, `http/1.1`, `h2c` by the HTTP inspector. */
  readonly applicationProtocols: readonly string[];
  readonly directSourcePrefixRanges: readonly CidrRange[];
  readonly sourceType: 'any' | 'same_ip_or_loopback' | 'external';
  readonly sourcePrefixRanges: readonly CidrRange[];
  readonly sourcePorts: readonly number[];
}

export interface FilterChain {
  readonly name: string;
  readonly match: FilterChainMatch;
  readonly transport: DownstreamTransport;
  readonly filters: readonly NetworkFilter[];
  /** How long the TLS handshake may take; 0: no limit. */
  readonly transportConnectTimeoutMs: number;
  readonly metadata: Metadata;
}

/** What a listener takes of the PROXY protocol (`envoy.filters.listener.proxy_protocol`). */
export interface ProxyProtocolRules {
  /** Versions that are not looked for. */
  readonly disallowed: readonly (1 | 2)[];
  /** Connections that do not begin with a header are served as they are. */
  readonly allowWithout: boolean;
  /** Fields of version 2 that become dynamic metadata. */
  readonly metadata: readonly { readonly type: number; readonly namespace: string; readonly key: string }[];
  /** Fields that are kept for the endpoint's header: all, or these types. */
  readonly passThrough: 'all' | readonly number[];
  /** A part of the names of its statistics; empty: none. */
  readonly statPrefix: string;
}

/** What a listener looks at before it chooses a chain. `disabled` on destination ports, as Istio asks for server-first ports. */
export interface ListenerFilter {
  readonly name: string;
  readonly kind:
    | 'original_dst'
    | 'original_src'
    | 'tls_inspector'
    | 'http_inspector'
    | 'proxy_protocol'
    | 'none';
  /** Half-open ranges of destination ports on which the filter does not run. */
  readonly disabledOnPorts: readonly { readonly start: number; readonly end: number }[];
  /** Of the filter of this kind: whether connections to endpoints have the client's port too, and their mark. */
  readonly originalSrc?: { readonly bindPort: boolean; readonly mark: number };
  /** Of `tls_inspector`: the fingerprints that are taken of clients. */
  readonly fingerprints?: readonly ('ja3' | 'ja4')[];
  /** Of the filter of this kind. */
  readonly proxyProtocol?: ProxyProtocolRules;
}

export interface Listener {
  readonly name: string;
  readonly address: Address;
  readonly additionalAddresses: readonly Address[];
  /** False: no socket of its own; reached through a listener with `useOriginalDst`. */
  readonly bindToPort: boolean;
  /** Hands a connection to the listener whose address is its original destination (exact address first, then `0.0.0.0:port`). */
  readonly useOriginalDst: boolean;
  readonly transparent: boolean;
  readonly trafficDirection: 'unspecified' | 'inbound' | 'outbound';
  /** Where `/healthcheck/fail` ends no connections (Envoy, `drain_type: MODIFY_ONLY`). */
  readonly outlivesFailedHealth?: boolean;
  readonly listenerFilters: readonly ListenerFilter[];
  /** Default 15,000; 0: none. */
  readonly listenerFiltersTimeoutMs: number;
  readonly continueOnListenerFiltersTimeout: boolean;
  readonly filterChains: readonly FilterChain[];
  readonly defaultFilterChain?: FilterChain;
  /** Default 1 MiB. */
  readonly perConnectionBufferLimitBytes: number;
  readonly accessLogs: readonly AccessLog[];
  readonly statPrefix?: string;
  readonly tcpBacklog?: number;
  readonly reusePort: boolean;
  /** Each connection goes to the thread that has least of them. */
  readonly exactBalance: boolean;
  /** Only connections that are handed over are served; others are not counted in the global limit. */
  readonly ignoreGlobalConnectionLimit: boolean;
  /** Overload has no effect on its connections and requests. */
  readonly bypassOverloadManager?: boolean;
  readonly metadata: Metadata;
}

export const anyFilterChainMatch: FilterChainMatch = {
  prefixRanges: [],
  serverNames: [],
  applicationProtocols: [],
  directSourcePrefixRanges: [],
  sourceType: 'any',
  sourcePrefixRanges: [],
  sourcePorts: [],
};
