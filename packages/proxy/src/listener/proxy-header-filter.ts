import type { Listener, ProxyProtocolRules } from '../model/listener.ts';
import type { Metadata } from '../model/metadata.ts';
import type { ProxiedEnds, Tlv } from '../proxy-protocol/proxy-header.ts';
import { readHeader } from '../proxy-protocol/read-header.ts';
import type { ProxyProtocolStats } from '../telemetry/proxy-protocol-stats.ts';

/** What the beginning of a connection said. */
export interface TakenHeader {
  /** Bytes that are not the client's. */
  readonly length: number;
  /** Undefined: the connection's own. */
  readonly ends: ProxiedEnds | undefined;
  readonly tlvs: readonly Tlv[];
  readonly metadata: Metadata | undefined;
}

/** Reads the PROXY protocol's header from the first bytes of a connection. */
export interface ProxyHeaderFilter {
  take(bytes: Buffer): TakenHeader | 'more' | 'refuse';
}

const withoutHeader: TakenHeader = { length: 0, ends: undefined, tlvs: [], metadata: undefined };

/** Undefined where the listener looks for no header. */
export function compileProxyHeader(
  listener: Listener,
  statsOf: (prefix: string) => ProxyProtocolStats,
): ProxyHeaderFilter | undefined {
  const rules = listener.listenerFilters.find(({ kind }) => kind === 'proxy_protocol')?.proxyProtocol;
  if (rules === undefined) return undefined;
  const stats = statsOf(rules.statPrefix);
  return { take: (bytes) => take(bytes, rules, stats) };
}

function take(
  bytes: Buffer,
  rules: ProxyProtocolRules,
  stats: ProxyProtocolStats,
): TakenHeader | 'more' | 'refuse' {
  const reading = readHeader(bytes);
  if (reading === 'more') return reading;
  if (reading === 'none') return pass(rules, stats);
  const version = 'wrong' in reading ? reading.wrong : reading.version;
  const counts = stats.versions[version];
  if (rules.disallowed.includes(version)) {
    // As Envoy: where headers need not be there, those of other versions are not looked for at all.
    if (rules.allowWithout) return pass(rules, stats);
    counts.disallowed++;
    return 'refuse';
  }
  if ('wrong' in reading) {
    counts.error++;
    return 'refuse';
  }
  counts.found++;
  const { passThrough } = rules;
  return {
    length: reading.length,
    ends: reading.ends,
    tlvs:
      passThrough === 'all' ? reading.tlvs : reading.tlvs.filter(({ type }) => passThrough.includes(type)),
    metadata: metadataOf(reading.tlvs, rules),
  };
}

function pass(rules: ProxyProtocolRules, stats: ProxyProtocolStats): TakenHeader | 'refuse' {
  if (rules.allowWithout) {
    stats.notFoundAllowed++;
    return withoutHeader;
  }
  stats.notFoundDisallowed++;
  return 'refuse';
}

function metadataOf(tlvs: readonly Tlv[], rules: ProxyProtocolRules): Metadata | undefined {
  let found: Record<string, Record<string, string>> | undefined;
  for (const { type, value } of tlvs) {
    for (const rule of rules.metadata) {
      if (rule.type !== type) continue;
      found ??= {};
      (found[rule.namespace] ??= {})[rule.key] = value.toString();
    }
  }
  return found;
}
