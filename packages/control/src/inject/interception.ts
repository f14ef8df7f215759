import type { Report } from '@lateen/config';
import type { InjectionValues } from './injection-values.ts';

/** How the pod's traffic comes to the sidecar: what the annotations say over the values. */
export interface Interception {
  readonly mode: 'REDIRECT' | 'TPROXY' | 'NONE';
  readonly includeInboundPorts: string;
  readonly excludeInboundPorts: string;
  readonly includeOutboundPorts: string;
  readonly excludeOutboundPorts: string;
  readonly includeIpRanges: string;
  readonly excludeIpRanges: string;
  readonly excludeInterfaces: string;
  readonly kubevirtInterfaces: string;
}

type Annotations = Readonly<Record<string, string>>;

/** Reads the annotations that begin with `traffic.sidecar.istio.io/`; wrong ones are reported by their names. */
export function readInterception(
  annotations: Annotations,
  values: InjectionValues,
  meshMode: 'REDIRECT' | 'TPROXY' | 'NONE',
  report: Report,
): Interception {
  const read = (name: string, check: (value: string) => string | undefined, absent: string): string => {
    const key = `traffic.sidecar.istio.io/${name}`;
    const value = annotations[key];
    if (value === undefined) return absent;
    const wrong = check(value);
    if (wrong !== undefined) report(`metadata.annotations["${key}"]`, wrong);
    return value;
  };
  return {
    mode: readMode(annotations, meshMode, report),
    includeInboundPorts: read('includeInboundPorts', portsOrAll, values.includeInboundPorts),
    excludeInboundPorts: read('excludeInboundPorts', ports, values.excludeInboundPorts),
    includeOutboundPorts: read('includeOutboundPorts', ports, values.includeOutboundPorts),
    excludeOutboundPorts: read('excludeOutboundPorts', ports, values.excludeOutboundPorts),
    includeIpRanges: read('includeOutboundIPRanges', rangesOrAll, values.includeIpRanges),
    excludeIpRanges: read('excludeOutboundIPRanges', ranges, values.excludeIpRanges),
    excludeInterfaces: read('excludeInterfaces', anyText, ''),
    kubevirtInterfaces: read('kubevirtInterfaces', anyText, ''),
  };
}

function readMode(
  annotations: Annotations,
  absent: Interception['mode'],
  report: Report,
): Interception['mode'] {
  const key = 'sidecar.istio.io/interceptionMode';
  const value = annotations[key];
  if (value === undefined) return absent;
  if (value === 'REDIRECT' || value === 'TPROXY' || value === 'NONE') return value;
  report(`metadata.annotations["${key}"]`, `must be one of REDIRECT, TPROXY, NONE, not "${value}"`);
  return absent;
}

const anyText = (): undefined => undefined;

function elements(value: string): string[] {
  return value
    .split(',')
    .map((element) => element.trim())
    .filter((element) => element !== '');
}

function ports(value: string): string | undefined {
  const wrong = elements(value).find((element) => !/^\d{1,5}$/.test(element) || Number(element) > 65_535);
  return wrong === undefined ? undefined : `must be port numbers separated by commas; "${wrong}" is none`;
}

function portsOrAll(value: string): string | undefined {
  return value === '*' ? undefined : ports(value);
}

function ranges(value: string): string | undefined {
  const wrong = elements(value).find((element) => !isCidr(element));
  return wrong === undefined ? undefined : `must be CIDR blocks separated by commas; "${wrong}" is none`;
}

function rangesOrAll(value: string): string | undefined {
  return value === '*' ? undefined : ranges(value);
}

function isCidr(text: string): boolean {
  const v4 = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (v4 !== null) return v4.slice(1, 5).every((byte) => Number(byte) <= 255) && Number(v4[5]) <= 32;
  const v6 = /^[0-9a-fA-F:.]*:[0-9a-fA-F:.]*\/(\d{1,3})$/.exec(text);
  return v6 !== null && Number(v6[1]) <= 128;
}

/** The arguments of `istio-iptables`. */
export function iptablesArguments(
  interception: Interception,
  statusPort: number,
  agentLogLevel: string,
): string[] {
  const excludedInbound = [
    '15090',
    '15021',
    String(statusPort),
    ...elements(interception.excludeInboundPorts),
  ];
  return [
    'istio-iptables',
    '-p',
    '15001',
    '-z',
    '15006',
    '-u',
    '1337',
    '-m',
    interception.mode,
    '-i',
    interception.includeIpRanges,
    '-x',
    interception.excludeIpRanges,
    '-b',
    interception.includeInboundPorts,
    '-d',
    [...new Set(excludedInbound)].join(','),
    ...optional('-q', interception.includeOutboundPorts),
    ...optional('-o', interception.excludeOutboundPorts),
    ...optional('-k', interception.kubevirtInterfaces),
    ...optional('-c', interception.excludeInterfaces),
    `--log_output_level=${agentLogLevel}`,
  ];
}

function optional(name: string, value: string): string[] {
  return value === '' ? [] : [name, value];
}
