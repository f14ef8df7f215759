import { isIP } from 'node:net';
import { ok, problems, type Problem, type Result } from '@lateen/core';
import type { EnvSource } from '../env.ts';
import { parseOptions, wholeNumber, type OptionSpec } from '../command-line/options.ts';

/** A list that may also be "all of them" (`*`). */
export type AllOr<T> = '*' | readonly T[];

/** What traffic of a pod is sent to the proxy, and where; the options of Istio's `istio-iptables`. */
export interface RedirectOptions {
  /** Where outbound connections are sent; default 15001. */
  readonly outboundPort: number;
  /** Where inbound connections are sent; default 15006. */
  readonly inboundPort: number;
  /** A port that is never redirected, for tunnels; default 15008. */
  readonly tunnelPort: number;
  /** Users whose own connections are not redirected: the proxy's; default 1337. */
  readonly proxyUids: readonly number[];
  /** Groups whose own connections are not redirected; default as the users. */
  readonly proxyGids: readonly number[];
  /** How inbound connections reach the proxy; default `REDIRECT`. */
  readonly mode: 'REDIRECT' | 'TPROXY';
  /** Inbound ports that are redirected; none where empty. */
  readonly inboundPorts: AllOr<number>;
  /** Inbound ports that are not, where `inboundPorts` is `*`. */
  readonly excludedInboundPorts: readonly number[];
  /** Destinations whose outbound connections are redirected. */
  readonly outboundRanges: AllOr<string>;
  /** Destinations whose outbound connections are not. */
  readonly excludedOutboundRanges: AllOr<string>;
  /** Outbound ports that are redirected whatever the destination. */
  readonly outboundPorts: readonly number[];
  /** Outbound ports that are not redirected. */
  readonly excludedOutboundPorts: readonly number[];
  /** Interfaces of virtual machines: what comes from them counts as outbound. */
  readonly virtualInterfaces: readonly string[];
  /** Interfaces whose traffic is left alone. */
  readonly excludedInterfaces: readonly string[];
  /** Mark of packets for the transparent proxy; default 1337. */
  readonly tproxyMark: number;
  /** Routing table of packets with that mark; default 133. */
  readonly tproxyTable: number;
  readonly dryRun: boolean;
  /** Take the rules away and do nothing else. */
  readonly cleanupOnly: boolean;
  readonly help: boolean;
}

export const optionSpecs: readonly OptionSpec[] = [
  {
    name: 'envoy-port',
    short: 'p',
    value: 'PORT',
    help: 'Port that outbound TCP traffic is redirected to (default $ENVOY_PORT or 15001).',
  },
  {
    name: 'inbound-capture-port',
    short: 'z',
    value: 'PORT',
    help: 'Port that inbound TCP traffic is redirected to (default $INBOUND_CAPTURE_PORT or 15006).',
  },
  {
    name: 'inbound-tunnel-port',
    short: 'e',
    value: 'PORT',
    help: 'Tunnel port that is never redirected (default $INBOUND_TUNNEL_PORT or 15008).',
  },
  {
    name: 'proxy-uid',
    short: 'u',
    value: 'UID',
    help: "Users whose traffic is not redirected: the proxy's own (default $PROXY_UID, the uid of $ENVOY_USER, or 1337).",
  },
  {
    name: 'proxy-gid',
    short: 'g',
    value: 'GID',
    help: 'Groups whose traffic is not redirected (default the same as -u).',
  },
  {
    name: 'istio-inbound-interception-mode',
    short: 'm',
    value: 'MODE',
    help: 'How inbound traffic reaches the proxy: REDIRECT or TPROXY (default $ISTIO_INBOUND_INTERCEPTION_MODE or REDIRECT).',
  },
  {
    name: 'istio-inbound-ports',
    short: 'b',
    value: 'PORTS',
    help: 'Inbound ports to redirect, with commas; "*" for all, empty for none (default $ISTIO_INBOUND_PORTS).',
  },
  {
    name: 'istio-local-exclude-ports',
    short: 'd',
    value: 'PORTS',
    help: 'Inbound ports not to redirect, used where -b is "*" (default $ISTIO_LOCAL_EXCLUDE_PORTS).',
  },
  {
    name: 'istio-service-cidr',
    short: 'i',
    value: 'CIDRS',
    help: 'Destinations whose outbound traffic is redirected, with commas; "*" for all, empty for none (default $ISTIO_SERVICE_CIDR).',
  },
  {
    name: 'istio-service-exclude-cidr',
    short: 'x',
    value: 'CIDRS',
    help: 'Destinations not to redirect (default $ISTIO_SERVICE_EXCLUDE_CIDR).',
  },
  {
    name: 'istio-local-outbound-ports-exclude',
    short: 'o',
    value: 'PORTS',
    help: 'Outbound ports not to redirect (default $ISTIO_LOCAL_OUTBOUND_PORTS_EXCLUDE).',
  },
  {
    name: 'istio-outbound-ports',
    short: 'q',
    value: 'PORTS',
    help: 'Outbound ports to redirect whatever the destination (default $ISTIO_OUTBOUND_PORTS).',
  },
  {
    name: 'kube-virt-interfaces',
    short: 'k',
    value: 'NAMES',
    help: 'Interfaces of virtual machines, whose traffic counts as outbound (default $KUBE_VIRT_INTERFACES).',
  },
  {
    name: 'istio-exclude-interfaces',
    short: 'c',
    value: 'NAMES',
    help: 'Interfaces whose traffic is left alone (default $ISTIO_EXCLUDE_INTERFACES).',
  },
  {
    name: 'istio-inbound-tproxy-mark',
    short: 't',
    value: 'MARK',
    help: 'Mark of packets for TPROXY (default $ISTIO_INBOUND_TPROXY_MARK or 1337).',
  },
  {
    name: 'istio-inbound-tproxy-route-table',
    short: 'r',
    value: 'TABLE',
    help: 'Routing table of marked packets (default $ISTIO_INBOUND_TPROXY_ROUTE_TABLE or 133).',
  },
  { name: 'dry-run', short: 'n', help: 'Print the rules and change nothing.' },
  { name: 'cleanup-only', help: 'Take the rules away and do nothing else.' },
  { name: 'help', short: 'h', help: 'Print this text.' },
  // Taken for compatibility: rules are always applied by one call of iptables-restore and never probed.
  { name: 'restore-format', short: 'f', help: '', hidden: true },
  { name: 'run-validation', help: '', hidden: true },
  { name: 'skip-rule-apply', help: '', hidden: true },
  { name: 'iptables-probe-port', value: 'PORT', help: '', hidden: true },
  { name: 'probe-timeout', value: 'DURATION', help: '', hidden: true },
  { name: 'iptables-trace-logging', help: '', hidden: true },
  { name: 'iptables-version', value: 'VERSION', help: '', hidden: true },
  { name: 'drop-invalid', help: '', hidden: true },
  { name: 'dual-stack', help: '', hidden: true },
  { name: 'force-apply', help: '', hidden: true },
  { name: 'reconcile', help: '', hidden: true },
  { name: 'log_output_level', value: 'LEVELS', help: '', hidden: true },
  { name: 'log_as_json', help: '', hidden: true },
];

/**
 * Reads the options of `istio-iptables`: from the command line, else from the environment.
 *
 * Accepts what Istio's injection templates have passed from 1.0 (`istio-iptables.sh`) to 1.24.
 */
export function parseRedirectOptions(
  args: readonly string[],
  env: EnvSource,
  uidOfUser: (name: string) => number | undefined,
): Result<RedirectOptions> {
  const parsed = parseOptions(args, optionSpecs);
  if (!parsed.ok) return parsed;
  const options = parsed.value;
  const wrong: Problem[] = options.words.map((word) => ({ path: word, message: 'is not an option' }));

  const text = (name: string, envName = name.toUpperCase().replaceAll('-', '_')): string | undefined =>
    options.value(name) ?? env[envName];
  const label = (name: string): string => {
    const short = optionSpecs.find((spec) => spec.name === name)?.short;
    return short === undefined ? `--${name}` : `-${short}/--${name}`;
  };
  const number = (name: string, fallback: number, max: number): number => {
    const given = text(name);
    if (given === undefined || given === '') return fallback;
    const value = wholeNumber(label(name), given, name === 'proxy-uid' || name === 'proxy-gid' ? 0 : 1, max);
    if (value.ok) return value.value;
    wrong.push(...value.problems);
    return fallback;
  };
  const list = (name: string): string[] => splitList(text(name) ?? '');
  const ports = (name: string): number[] =>
    list(name).flatMap((item) => {
      const port = wholeNumber(label(name), item, 1, 65_535);
      if (port.ok) return [port.value];
      wrong.push(...port.problems);
      return [];
    });
  const ids = (name: string, fallback: readonly number[]): readonly number[] => {
    const items = list(name);
    if (items.length === 0) return fallback;
    return items.flatMap((item) => {
      const id = wholeNumber(label(name), item, 0, 0xffff_fffe);
      if (id.ok) return [id.value];
      wrong.push(...id.problems);
      return [];
    });
  };
  const ranges = (name: string): AllOr<string> => {
    const items = list(name);
    if (items.includes('*')) {
      if (items.length > 1)
        wrong.push({ path: label(name), message: '"*" stands alone: it is all destinations' });
      return '*';
    }
    for (const item of items) {
      if (!isRange(item)) {
        wrong.push({
          path: label(name),
          message: `"${item}" is not an address or a range such as 10.0.0.0/8`,
        });
      }
    }
    return items;
  };
  const interfaces = (name: string): string[] => {
    const items = list(name);
    for (const item of items) {
      if (!/^[^\s/!]{1,15}$/.test(item)) {
        wrong.push({ path: label(name), message: `"${item}" is not the name of an interface` });
      }
    }
    return items;
  };
  const mode = (): RedirectOptions['mode'] => {
    const given = text('istio-inbound-interception-mode') || 'REDIRECT';
    if (given === 'REDIRECT' || given === 'TPROXY') return given;
    wrong.push({
      path: label('istio-inbound-interception-mode'),
      message: `"${given}" is neither REDIRECT nor TPROXY`,
    });
    return 'REDIRECT';
  };

  const inboundItems = list('istio-inbound-ports');
  const proxyUids = ids('proxy-uid', [uidOfUser(env['ENVOY_USER'] ?? 'istio-proxy') ?? 1337]);
  const value: RedirectOptions = {
    outboundPort: number('envoy-port', 15_001, 65_535),
    inboundPort: number('inbound-capture-port', 15_006, 65_535),
    tunnelPort: number('inbound-tunnel-port', 15_008, 65_535),
    proxyUids,
    proxyGids: ids('proxy-gid', proxyUids),
    mode: mode(),
    inboundPorts: inboundItems.includes('*') ? '*' : ports('istio-inbound-ports'),
    excludedInboundPorts: list('istio-local-exclude-ports').includes('*')
      ? []
      : ports('istio-local-exclude-ports'),
    outboundRanges: ranges('istio-service-cidr'),
    excludedOutboundRanges: ranges('istio-service-exclude-cidr'),
    outboundPorts: ports('istio-outbound-ports'),
    excludedOutboundPorts: ports('istio-local-outbound-ports-exclude'),
    virtualInterfaces: interfaces('kube-virt-interfaces'),
    excludedInterfaces: interfaces('istio-exclude-interfaces'),
    tproxyMark: number('istio-inbound-tproxy-mark', 1337, 0xffff_ffff),
    tproxyTable: number('istio-inbound-tproxy-route-table', 133, 0xffff_ffff),
    dryRun: options.has('dry-run'),
    cleanupOnly: options.has('cleanup-only'),
    help: options.has('help'),
  };
  return wrong.length > 0 ? problems(wrong) : ok(value);
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function isRange(text: string): boolean {
  const slash = text.indexOf('/');
  const family = isIP(slash < 0 ? text : text.slice(0, slash));
  if (family === 0) return false;
  return slash < 0 || wholeNumber('', text.slice(slash + 1), 0, family === 4 ? 32 : 128).ok;
}
