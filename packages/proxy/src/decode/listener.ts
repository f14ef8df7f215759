import type {
  FilterChain as ChainMessage,
  FilterChainMatch as MatchMessage,
  Listener as ListenerMessage,
  ListenerFilter as ListenerFilterMessage,
  ListenerFilterChainMatchPredicate,
} from '@lateen/protocol/envoy/config/listener/v3';
import { TlsInspector } from '@lateen/protocol/envoy/extensions/filters/listener/tls_inspector/v3';
import { OriginalSrc } from '@lateen/protocol/envoy/extensions/filters/listener/original_src/v3';
import { ProxyProtocol } from '@lateen/protocol/envoy/extensions/filters/listener/proxy_protocol/v3';
import * as listener from '@lateen/protocol/envoy/config/listener/v3';
import type { FilterChain, FilterChainMatch, Listener, ListenerFilter } from '../model/index.ts';
import { decodeAccessLogs } from './access-log.ts';
import { decodeIpAddress, decodeCidr, decodeMetadata } from './basics.ts';
import { fieldPolicy } from './field-policy.ts';
import type { FilterContext } from './http-filter.ts';
import { typeNameOf } from './typed-any.ts';
import { decodeNetworkFilter } from './network-filter.ts';
import { decodeProxyProtocolRules, standardProxyProtocolRules } from './proxy-protocol.ts';
import type { Scope } from './scope.ts';
import { sharedMatches } from './shared-matches.ts';
import { decodeDownstreamTransport } from './tls.ts';

const kernelDefault = "the kernel's default is used";

const listenerPolicy = fieldPolicy(
  listener.Listener,
  [
    'name',
    'address',
    'additionalAddresses',
    'statPrefix',
    'filterChains',
    'useOriginalDst',
    'defaultFilterChain',
    'perConnectionBufferLimitBytes',
    'metadata',
    'deprecatedV1',
    'listenerFilters',
    'listenerFiltersTimeout',
    'continueOnListenerFiltersTimeout',
    'transparent',
    'trafficDirection',
    'drainType',
    'reusePort',
    'enableReusePort',
    'accessLog',
    'tcpBacklogSize',
    'bindToPort',
    'connectionBalanceConfig',
    'bypassOverloadManager',
    'ignoreGlobalConnLimit',
  ],
  {
    freebind: kernelDefault,
    socketOptions: kernelDefault,
    tcpFastOpenQueueLength: kernelDefault,
    maxConnectionsToAcceptPerSocketEvent: 'every waiting connection is accepted',
    enableMptcp: kernelDefault,
  },
);
const matchPolicy = fieldPolicy(listener.FilterChainMatch, [
  'destinationPort',
  'prefixRanges',
  'directSourcePrefixRanges',
  'sourceType',
  'sourcePrefixRanges',
  'sourcePorts',
  'serverNames',
  'transportProtocol',
  'applicationProtocols',
]);
const chainPolicy = fieldPolicy(listener.FilterChain, [
  'filterChainMatch',
  'filters',
  'metadata',
  'transportSocket',
  'transportSocketConnectTimeout',
  'name',
  'useProxyProto',
]);
const listenerFilterPolicy = fieldPolicy(listener.ListenerFilter, ['name', 'typedConfig', 'filterDisabled']);

const tlsInspectorPolicy = fieldPolicy(TlsInspector, ['enableJa3Fingerprinting', 'enableJa4Fingerprinting'], {
  initialReadBufferSize: 'there is one buffer for what all connections have sent',
  closeConnectionOnClientHelloParsingErrors:
    'what is no ClientHello goes to a filter chain without TLS, or none',
  maxClientHelloSize: '64 KiB at most',
});
const originalSrcPolicy = fieldPolicy(OriginalSrc, ['bindPort', 'mark']);

export const listenerPolicies = [
  tlsInspectorPolicy,
  originalSrcPolicy,
  listenerPolicy,
  matchPolicy,
  chainPolicy,
  listenerFilterPolicy,
];

const drainTypes = { DEFAULT: false, MODIFY_ONLY: true };

const directions: Readonly<Record<string, Listener['trafficDirection']>> = {
  UNSPECIFIED: 'unspecified',
  INBOUND: 'inbound',
  OUTBOUND: 'outbound',
};

/** A listener. */
export function decodeListener(scope: Scope, message: ListenerMessage): Listener {
  scope.check(listenerPolicy, message);
  const trafficDirection = scope
    .at('trafficDirection')
    .choice(message.trafficDirection, directions, 'unspecified');
  const context: FilterContext = { trafficDirection };
  const chains = message.filterChains ?? [];
  if (chains.length === 0 && message.defaultFilterChain === undefined) {
    scope.at('filterChains').fail('must have at least one filter chain');
  }
  const filterChains = chains.map((chain, i) => decodeChain(scope.at('filterChains').at(i), chain, context));
  for (const { later, earlier } of sharedMatches(filterChains.map(({ match }) => match))) {
    const at = scope.at('filterChains').at(later).at('filterChainMatch');
    at.fail(`has the same matching rules as filter_chains[${earlier}], in part at least`);
  }
  return {
    name: message.name ?? '',
    address: decodeIpAddress(scope.at('address'), message.address),
    additionalAddresses: (message.additionalAddresses ?? []).map((additional, i) =>
      decodeIpAddress(scope.at('additionalAddresses').at(i).at('address'), additional.address),
    ),
    bindToPort: message.bindToPort ?? message.deprecatedV1?.bindToPort ?? true,
    useOriginalDst: message.useOriginalDst ?? false,
    transparent: message.transparent ?? false,
    trafficDirection,
    ...(scope.at('drainType').choice(message.drainType, drainTypes, false)
      ? { outlivesFailedHealth: true }
      : {}),
    listenerFilters: [
      ...proxyProtocolOfChains(chains),
      ...(message.listenerFilters ?? []).map((filter, i) =>
        decodeListenerFilter(scope.at('listenerFilters').at(i), filter),
      ),
    ],
    listenerFiltersTimeoutMs: message.listenerFiltersTimeout ?? 15_000,
    continueOnListenerFiltersTimeout: message.continueOnListenerFiltersTimeout ?? false,
    filterChains,
    ...(message.defaultFilterChain === undefined
      ? {}
      : {
          defaultFilterChain: decodeChain(
            scope.at('defaultFilterChain'),
            message.defaultFilterChain,
            context,
          ),
        }),
    perConnectionBufferLimitBytes: message.perConnectionBufferLimitBytes ?? 1_048_576,
    accessLogs: decodeAccessLogs(scope.at('accessLog'), message.accessLog),
    ...(message.statPrefix === undefined ? {} : { statPrefix: message.statPrefix }),
    ...(message.tcpBacklogSize === undefined ? {} : { tcpBacklog: message.tcpBacklogSize }),
    exactBalance: message.connectionBalanceConfig?.exactBalance !== undefined,
    reusePort: message.enableReusePort ?? message.reusePort ?? true,
    ignoreGlobalConnectionLimit: message.ignoreGlobalConnLimit ?? false,
    ...(message.bypassOverloadManager === true ? { bypassOverloadManager: true } : {}),
    metadata: decodeMetadata(scope.at('metadata'), message.metadata),
  };
}

/** The deprecated `use_proxy_proto` of a chain stands for the filter, which is one of the listener as a whole. */
function proxyProtocolOfChains(chains: readonly ChainMessage[]): ListenerFilter[] {
  if (!chains.some((chain) => chain.useProxyProto === true)) return [];
  const proxyProtocol = standardProxyProtocolRules;
  return [{ name: 'use_proxy_proto', kind: 'proxy_protocol', disabledOnPorts: [], proxyProtocol }];
}

function decodeChain(scope: Scope, message: ChainMessage, context: FilterContext): FilterChain {
  scope.check(chainPolicy, message);
  return {
    name: message.name ?? '',
    match: decodeMatch(scope.at('filterChainMatch'), message.filterChainMatch ?? {}),
    transport: decodeDownstreamTransport(scope.at('transportSocket'), message.transportSocket),
    filters: (message.filters ?? []).map((filter, i) =>
      decodeNetworkFilter(scope.at('filters').at(i), filter, context),
    ),
    transportConnectTimeoutMs: message.transportSocketConnectTimeout ?? 0,
    metadata: decodeMetadata(scope.at('metadata'), message.metadata),
  };
}

/** A name, or all names below one (`*.example.com`). */
function decodeServerName(scope: Scope, name: string): string {
  const rest = name.startsWith('*.') ? name.slice(2) : name;
  if (rest.includes('*'))
    scope.fail(
      `"${name}" is neither a name nor of the form *.example.com: leave server_names out for all names`,
    );
  return name.toLowerCase();
}

const sourceTypes: Readonly<Record<string, FilterChainMatch['sourceType']>> = {
  ANY: 'any',
  SAME_IP_OR_LOOPBACK: 'same_ip_or_loopback',
  EXTERNAL: 'external',
};

function decodeMatch(scope: Scope, message: MatchMessage): FilterChainMatch {
  scope.check(matchPolicy, message);
  const ranges = (field: 'prefixRanges' | 'directSourcePrefixRanges' | 'sourcePrefixRanges') =>
    (message[field] ?? []).map((range, i) => decodeCidr(scope.at(field).at(i), range));
  return {
    ...(message.destinationPort === undefined ? {} : { destinationPort: message.destinationPort }),
    prefixRanges: ranges('prefixRanges'),
    serverNames: (message.serverNames ?? []).map((name, i) =>
      decodeServerName(scope.at('serverNames').at(i), name),
    ),
    ...(message.transportProtocol === undefined ? {} : { transportProtocol: message.transportProtocol }),
    applicationProtocols: message.applicationProtocols ?? [],
    directSourcePrefixRanges: ranges('directSourcePrefixRanges'),
    sourceType: scope.at('sourceType').choice(message.sourceType, sourceTypes, 'any'),
    sourcePrefixRanges: ranges('sourcePrefixRanges'),
    sourcePorts: message.sourcePorts ?? [],
  };
}

const listenerFilterKinds: Readonly<Record<string, ListenerFilter['kind']>> = {
  'envoy.extensions.filters.listener.original_dst.v3.OriginalDst': 'original_dst',
  'envoy.extensions.filters.listener.original_src.v3.OriginalSrc': 'original_src',
  'envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector': 'tls_inspector',
  'envoy.extensions.filters.listener.http_inspector.v3.HttpInspector': 'http_inspector',
  'envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol': 'proxy_protocol',
};

function decodeListenerFilter(scope: Scope, message: ListenerFilterMessage): ListenerFilter {
  scope.check(listenerFilterPolicy, message);
  const name = message.name ?? '';
  const type = typeNameOf(message.typedConfig);
  const kind = listenerFilterKinds[type];
  if (kind === undefined) {
    scope.fail(`listener filter "${name}" (${type === '' ? 'no configuration' : type}) is not supported`);
  }
  const disabled = message.filterDisabled;
  const disabledOnPorts = disabled === undefined ? [] : decodePorts(scope.at('filterDisabled'), disabled);
  if (kind === 'original_src') {
    const at = scope.at('typedConfig');
    const config = at.unpack(OriginalSrc, message.typedConfig) ?? {};
    at.check(originalSrcPolicy, config);
    const { bindPort = false, mark = 0 } = config;
    return { name, kind, disabledOnPorts, originalSrc: { bindPort, mark } };
  }
  if (kind === 'tls_inspector') {
    const at = scope.at('typedConfig');
    const config = at.unpack(TlsInspector, message.typedConfig) ?? {};
    at.check(tlsInspectorPolicy, config);
    const fingerprints = [
      ...(config.enableJa3Fingerprinting === true ? (['ja3'] as const) : []),
      ...(config.enableJa4Fingerprinting === true ? (['ja4'] as const) : []),
    ];
    return { name, kind, disabledOnPorts, ...(fingerprints.length === 0 ? {} : { fingerprints }) };
  }
  if (kind !== 'proxy_protocol') return { name, kind: kind ?? 'none', disabledOnPorts };
  if (disabled !== undefined)
    scope.at('filterDisabled').fail('is not supported: the header says which port the client wanted');
  const at = scope.at('typedConfig');
  const config = at.unpack(ProxyProtocol, message.typedConfig) ?? {};
  return { name, kind, disabledOnPorts, proxyProtocol: decodeProxyProtocolRules(at, config) };
}

/** The destination ports on which a listener filter does not run: a range, or any of several. */
function decodePorts(
  scope: Scope,
  predicate: ListenerFilterChainMatchPredicate,
): ListenerFilter['disabledOnPorts'] {
  if (predicate.destinationPortRange !== undefined) {
    const { start = 0, end = 0 } = predicate.destinationPortRange;
    return [{ start, end }];
  }
  if (predicate.anyMatch === true) return [{ start: 0, end: 65_536 }];
  if (predicate.orMatch !== undefined) {
    const at = scope.at('orMatch').at('rules');
    return (predicate.orMatch.rules ?? []).flatMap((rule, i) => decodePorts(at.at(i), rule));
  }
  scope.fail('must be a destination_port_range, any_match, or an or_match of these');
  return [];
}
