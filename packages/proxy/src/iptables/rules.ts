import { isIP } from 'node:net';
import type { AllOr, RedirectOptions } from './options.ts';

/** The rules of one table, in order, as `iptables-restore` takes them. */
export interface TableRules {
  readonly table: 'nat' | 'mangle';
  /** Chains of our own; declaring one empties it. */
  readonly chains: readonly string[];
  /** Jumps from the built-in chains, each as `PREROUTING -p tcp -j ISTIO_INBOUND`. */
  readonly jumps: readonly string[];
  /** Rules of our own chains. */
  readonly rules: readonly string[];
}

/** Addresses that differ between IPv4 and IPv6. */
interface Family {
  readonly version: 4 | 6;
  readonly loopback: string;
  /** Source of connections that the proxy makes to its own application. */
  readonly passthroughSource: string;
}

const families = {
  4: { version: 4, loopback: '127.0.0.1/32', passthroughSource: '127.0.0.6/32' },
  6: { version: 6, loopback: '::1/128', passthroughSource: '::6/128' },
} as const satisfies Record<4 | 6, Family>;

/** Names of every chain that any mode makes; what cleaning up removes. */
export const ownChains: Readonly<Record<TableRules['table'], readonly string[]>> = {
  nat: ['ISTIO_INBOUND', 'ISTIO_IN_REDIRECT', 'ISTIO_OUTPUT', 'ISTIO_REDIRECT'],
  mangle: ['ISTIO_DIVERT', 'ISTIO_INBOUND', 'ISTIO_TPROXY'],
};

/**
 * The rules that send a pod's TCP traffic to its proxy.
 *
 * The order within `ISTIO_OUTPUT` is what decides; it is Istio's
 * (https://istio.io/latest/docs/ops/deployment/application-requirements/, `istio-init`'s own rules).
 */
export function redirectRules(options: RedirectOptions, version: 4 | 6): readonly TableRules[] {
  const family = families[version];
  const output = outputRules(options, family);
  const inbound = inboundRules(options, family);
  const nat: TableRules = {
    table: 'nat',
    chains: ownChains.nat,
    jumps: [
      ...options.excludedInterfaces.map((name) => `PREROUTING -i ${name} -j RETURN`),
      ...options.virtualInterfaces.flatMap((name) => virtualInterfaceJumps(name, options, version)),
      ...(options.mode === 'REDIRECT' && inbound.length > 0 ? ['PREROUTING -p tcp -j ISTIO_INBOUND'] : []),
      ...options.excludedInterfaces.map((name) => `OUTPUT -o ${name} -j RETURN`),
      'OUTPUT -p tcp -j ISTIO_OUTPUT',
    ],
    rules: [
      `ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports ${options.outboundPort}`,
      `ISTIO_IN_REDIRECT -p tcp -j REDIRECT --to-ports ${options.inboundPort}`,
      ...(options.mode === 'REDIRECT' ? inbound : []),
      ...output,
    ],
  };
  if (options.mode === 'REDIRECT' || inbound.length === 0) return [nat];
  const mark = options.tproxyMark;
  const mangle: TableRules = {
    table: 'mangle',
    chains: ownChains.mangle,
    jumps: [
      ...options.excludedInterfaces.map((name) => `PREROUTING -i ${name} -j RETURN`),
      'PREROUTING -p tcp -j ISTIO_INBOUND',
      // The mark stays with the connection, so that the application's answers find the way back.
      `PREROUTING -p tcp -m mark --mark ${mark} -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff`,
      ...options.excludedInterfaces.map((name) => `OUTPUT -o ${name} -j RETURN`),
      `OUTPUT -p tcp -m connmark --mark ${mark} -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff`,
    ],
    rules: [
      `ISTIO_DIVERT -j MARK --set-mark ${mark}`,
      'ISTIO_DIVERT -j ACCEPT',
      `ISTIO_TPROXY ! -d ${family.loopback} -p tcp -j TPROXY --on-port ${options.inboundPort} --tproxy-mark ${mark}/0xffffffff`,
      ...inbound,
    ],
  };
  return [nat, mangle];
}

function inboundRules(options: RedirectOptions, family: Family): string[] {
  const { inboundPorts } = options;
  if (inboundPorts !== '*' && inboundPorts.length === 0) return [];
  const tproxy = options.mode === 'TPROXY';
  const rules = [`ISTIO_INBOUND -p tcp --dport ${options.tunnelPort} -j RETURN`];
  if (tproxy) {
    // What the proxy itself sends to its application over the loopback is not to be caught again.
    rules.push(
      `ISTIO_INBOUND -s ${family.passthroughSource} -i lo -p tcp -j RETURN`,
      `ISTIO_INBOUND -i lo -p tcp -m mark ! --mark ${options.tproxyMark} -j RETURN`,
    );
  }
  const divert = (match: string): string[] =>
    tproxy
      ? [
          `ISTIO_INBOUND -p tcp${match} -m conntrack --ctstate RELATED,ESTABLISHED -j ISTIO_DIVERT`,
          `ISTIO_INBOUND -p tcp${match} -j ISTIO_TPROXY`,
        ]
      : [`ISTIO_INBOUND -p tcp${match} -j ISTIO_IN_REDIRECT`];
  if (inboundPorts === '*') {
    for (const port of options.excludedInboundPorts) {
      rules.push(`ISTIO_INBOUND -p tcp --dport ${port} -j RETURN`);
    }
    rules.push(...divert(''));
  } else {
    for (const port of inboundPorts) rules.push(...divert(` --dport ${port}`));
  }
  return rules;
}

function outputRules(options: RedirectOptions, family: Family): string[] {
  const rules = [`ISTIO_OUTPUT -s ${family.passthroughSource} -o lo -j RETURN`];
  for (const port of options.excludedOutboundPorts) {
    rules.push(`ISTIO_OUTPUT -p tcp --dport ${port} -j RETURN`);
  }
  const owners = [
    ...options.proxyUids.map((id) => `--uid-owner ${id}`),
    ...options.proxyGids.map((id) => `--gid-owner ${id}`),
  ];
  for (const owner of owners) {
    rules.push(
      // An application that calls its own Service address leaves through the proxy and comes back to this
      // pod: in over the loopback, so that it passes the inbound side too.
      `ISTIO_OUTPUT ! -d ${family.loopback} -o lo -p tcp ! --dport ${options.tunnelPort} -m owner ${owner} -j ISTIO_IN_REDIRECT`,
      `ISTIO_OUTPUT -o lo -m owner ! ${owner} -j RETURN`,
      `ISTIO_OUTPUT -m owner ${owner} -j RETURN`,
    );
  }
  rules.push(`ISTIO_OUTPUT -d ${family.loopback} -j RETURN`);
  if (options.excludedOutboundRanges === '*') rules.push('ISTIO_OUTPUT -j RETURN');
  else {
    for (const range of ofFamily(options.excludedOutboundRanges, family.version)) {
      rules.push(`ISTIO_OUTPUT -d ${range} -j RETURN`);
    }
  }
  for (const port of options.outboundPorts) {
    rules.push(`ISTIO_OUTPUT -p tcp --dport ${port} -j ISTIO_REDIRECT`);
  }
  if (options.outboundRanges === '*') rules.push('ISTIO_OUTPUT -j ISTIO_REDIRECT');
  else {
    for (const range of ofFamily(options.outboundRanges, family.version)) {
      rules.push(`ISTIO_OUTPUT -d ${range} -j ISTIO_REDIRECT`);
    }
    rules.push('ISTIO_OUTPUT -j RETURN');
  }
  return rules;
}

function virtualInterfaceJumps(name: string, options: RedirectOptions, version: 4 | 6): string[] {
  if (options.outboundRanges === '*') return [`PREROUTING -i ${name} -j ISTIO_REDIRECT`];
  return [
    ...ofFamily(options.outboundRanges, version).map(
      (range) => `PREROUTING -i ${name} -d ${range} -j ISTIO_REDIRECT`,
    ),
    `PREROUTING -i ${name} -j RETURN`,
  ];
}

function ofFamily(ranges: AllOr<string>, version: 4 | 6): readonly string[] {
  if (ranges === '*') return [version === 4 ? '0.0.0.0/0' : '::/0'];
  return ranges.filter((range) => isIP(range.split('/')[0] ?? '') === version);
}

/**
 * The input of `iptables-restore --noflush` that puts the rules in place.
 *
 * `present` is what `iptables-save` printed: a jump that is there already is taken out first, so that
 * applying twice leaves one copy. All tables are committed or none of a table is.
 */
export function restoreInput(tables: readonly TableRules[], present: string): string {
  const lines: string[] = [];
  for (const name of ['nat', 'mangle'] as const) {
    const wanted = tables.find((table) => table.table === name);
    const jumps = jumpsToRemove(tableOf(present, name));
    const stale = ownChains[name].filter((chain) => tableOf(present, name).includes(`:${chain} `));
    if (wanted === undefined && jumps.length === 0 && stale.length === 0) continue;
    lines.push(`*${name}`);
    const chains = new Set([...stale, ...(wanted?.chains ?? [])]);
    for (const chain of chains) lines.push(`:${chain} - [0:0]`);
    for (const jump of jumps) lines.push(`-D ${jump}`);
    for (const jump of wanted?.jumps ?? []) lines.push(`-A ${jump}`);
    for (const rule of wanted?.rules ?? []) lines.push(`-A ${rule}`);
    for (const chain of chains) if (wanted?.chains.includes(chain) !== true) lines.push(`-X ${chain}`);
    lines.push('COMMIT');
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function tableOf(saved: string, table: string): string {
  const start = saved.indexOf(`*${table}\n`);
  return start < 0 ? '' : saved.slice(start, saved.indexOf('COMMIT', start));
}

function jumpsToRemove(saved: string): string[] {
  return saved
    .split('\n')
    .filter((line) => /^-A (PREROUTING|OUTPUT) /.test(line))
    .filter((line) => /-j (ISTIO_\w+|CONNMARK)\b/.test(line) || / -[io] \S+ -j RETURN$/.test(line))
    .map((line) => line.slice('-A '.length));
}
