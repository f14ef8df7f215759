import { isIP } from 'node:net';
import type {
  Address as AddressMessage,
  CidrRange as CidrMessage,
  DataSource as DataSourceMessage,
  Locality as LocalityMessage,
  Metadata as MetadataMessage,
  RuntimeFractionalPercent,
} from '@lateen/protocol/envoy/config/core/v3';
import * as core from '@lateen/protocol/envoy/config/core/v3';
import type {
  RegexMatchAndSubstitute,
  RegexMatcher,
  StringMatcher,
} from '@lateen/protocol/envoy/type/matcher/v3';
import * as matcher from '@lateen/protocol/envoy/type/matcher/v3';
import type { FractionalPercent } from '@lateen/protocol/envoy/type/v3';
import type {
  Address,
  CidrRange,
  DataSource,
  Fraction,
  Locality,
  Metadata,
  RegexRewrite,
  SocketAddress,
  StringMatch,
} from '../model/index.ts';
import { fieldPolicy } from './field-policy.ts';
import type { Scope } from './scope.ts';

const socketAddressPolicy = fieldPolicy(core.SocketAddress, ['address', 'portValue'], {
  protocol: 'TCP is meant; a UDP address is refused where it matters',
  resolverName: 'names are resolved by the system',
  ipv4Compat: 'IPv6 sockets accept IPv4 only where the system says so',
});
const stringMatcherPolicy = fieldPolicy(matcher.StringMatcher, [
  'exact',
  'prefix',
  'suffix',
  'safeRegex',
  'contains',
  'ignoreCase',
]);
const regexPolicy = fieldPolicy(matcher.RegexMatcher, ['regex'], {
  googleRe2: 'every expression is RE2, in linear time',
});
const metadataPolicy = fieldPolicy(core.Metadata, ['filterMetadata'], {
  typedFilterMetadata: 'no filter of this proxy reads typed metadata',
});
const dataSourcePolicy = fieldPolicy(
  core.DataSource,
  ['filename', 'inlineBytes', 'inlineString', 'environmentVariable'],
  { watchedDirectory: 'honoured for files of TLS; others are read again when their resource is sent again' },
);

export const basicPolicies = [
  socketAddressPolicy,
  stringMatcherPolicy,
  regexPolicy,
  metadataPolicy,
  dataSourcePolicy,
];

/** What Linux has for a path with the zero after it (unix(7), `sun_path`). */
const longestPipePath = 107;

/** A socket address or a pipe. */
export function decodeAddress(scope: Scope, message: AddressMessage | undefined): Address {
  if (message?.pipe !== undefined) {
    const { path = '', mode = 0 } = message.pipe;
    if (Buffer.byteLength(path) > longestPipePath)
      scope
        .at('pipe')
        .at('path')
        .fail(`is longer than ${longestPipePath} bytes, the most for a Unix domain socket`);
    return { kind: 'pipe', path, ...(mode === 0 ? {} : { mode }) };
  }
  const socket = message?.socketAddress;
  if (socket === undefined) {
    scope.fail('must be a socket_address or a pipe');
    return { kind: 'socket', address: '', port: 0 };
  }
  return decodeSocketAddress(scope.at('socketAddress'), socket);
}

/** An address and a port number. */
export function decodeSocketAddress(scope: Scope, socket: core.SocketAddress): SocketAddress {
  scope.check(socketAddressPolicy, socket);
  if (socket.protocol === 'UDP') scope.at('protocol').fail('UDP is not supported');
  const address = socket.address ?? '';
  const port = socket.portValue ?? 0;
  if (address === '') scope.at('address').fail('must not be empty');
  if (port > 65_535) scope.at('portValue').fail(`${port} is not a port: 0 to 65535`);
  return { kind: 'socket', address, port };
}

/** The same, of an address that nobody looks up (Envoy: "malformed IP address"); `instead` says what does. */
export function decodeIpAddress(scope: Scope, message: AddressMessage | undefined, instead = ''): Address {
  const decoded = decodeAddress(scope, message);
  if (decoded.kind === 'socket' && decoded.address !== '' && isIP(decoded.address) === 0) {
    const text = `"${decoded.address}" is not an IP address, and no name is looked up here${instead}`;
    scope.at('socketAddress').at('address').fail(text);
  }
  return decoded;
}

export function decodeCidr(scope: Scope, message: CidrMessage): CidrRange {
  const address = message.addressPrefix ?? '';
  const prefixLength = message.prefixLen ?? 0;
  if (isIP(address) === 0) scope.at('addressPrefix').fail(`"${address}" is not an IP address`);
  if (prefixLength > (address.includes(':') ? 128 : 32)) {
    scope.at('prefixLen').fail(`${prefixLength} is longer than the address`);
  }
  return { address, prefixLength };
}

export function decodeStringMatch(scope: Scope, message: StringMatcher | undefined): StringMatch {
  if (message === undefined) {
    scope.fail('must be set');
    return { kind: 'exact', value: '' };
  }
  scope.check(stringMatcherPolicy, message);
  const fold = message.ignoreCase === true ? { ignoreCase: true } : {};
  if (message.safeRegex !== undefined) {
    return { kind: 'regex', regex: decodeRegex(scope.at('safeRegex'), message.safeRegex) };
  }
  for (const kind of ['exact', 'prefix', 'suffix', 'contains'] as const) {
    const value = message[kind];
    if (value !== undefined) return { kind, value, ...fold };
  }
  scope.fail('must have one of exact, prefix, suffix, contains, safe_regex');
  return { kind: 'exact', value: '' };
}

export function decodeRegex(scope: Scope, message: RegexMatcher): string {
  scope.check(regexPolicy, message);
  if (message.regex === undefined) scope.at('regex').fail('must not be empty');
  return message.regex ?? '';
}

export function decodeRegexRewrite(scope: Scope, message: RegexMatchAndSubstitute): RegexRewrite {
  return {
    regex: decodeRegex(scope.at('pattern'), message.pattern ?? {}),
    substitution: message.substitution ?? '',
  };
}

const denominators: Readonly<Record<string, Fraction['denominator']>> = {
  HUNDRED: 100,
  TEN_THOUSAND: 10_000,
  MILLION: 1_000_000,
};

export function decodeFraction(scope: Scope, message: FractionalPercent | undefined): Fraction {
  return {
    numerator: message?.numerator ?? 0,
    denominator: scope.at('denominator').choice(message?.denominator, denominators, 100),
  };
}

/** A share that a runtime key may override; without a default value it is all. */
export function decodeRuntimeFraction(scope: Scope, message: RuntimeFractionalPercent): Fraction {
  return scope.live({
    ...(message.defaultValue === undefined
      ? { numerator: 100, denominator: 100 as const }
      : decodeFraction(scope.at('defaultValue'), message.defaultValue)),
    ...(message.runtimeKey === undefined ? {} : { runtimeKey: message.runtimeKey }),
  });
}

export function decodeMetadata(scope: Scope, message: MetadataMessage | undefined): Metadata {
  if (message === undefined) return noMetadata;
  scope.check(metadataPolicy, message);
  return (message.filterMetadata ?? noMetadata) as Metadata;
}

const noMetadata: Metadata = {};

export function decodeLocality(message: LocalityMessage | undefined): Locality {
  return { region: message?.region ?? '', zone: message?.zone ?? '', subZone: message?.subZone ?? '' };
}

/** Whose changes mean that files are to be read again; nothing where none is given. */
export function decodeWatchedDirectory(
  scope: Scope,
  message: core.WatchedDirectory | undefined,
): { readonly watchedDirectory?: string } {
  if (message === undefined) return {};
  const { path = '' } = message;
  if (path === '') scope.at('path').fail('must name a folder');
  return { watchedDirectory: path };
}

export function decodeDataSource(scope: Scope, message: DataSourceMessage | undefined): DataSource {
  if (message !== undefined) {
    scope.check(dataSourcePolicy, message);
    if (message.filename !== undefined) {
      const watchedDirectory = decodeWatchedDirectory(scope.at('watchedDirectory'), message.watchedDirectory);
      return { kind: 'file', path: message.filename, ...watchedDirectory };
    }
    if (message.inlineBytes !== undefined) return { kind: 'inline', bytes: message.inlineBytes.slice() };
    if (message.inlineString !== undefined)
      return { kind: 'inline', bytes: Buffer.from(message.inlineString) };
    if (message.environmentVariable !== undefined) {
      return { kind: 'environment', variable: message.environmentVariable };
    }
  }
  scope.fail('must have one of filename, inline_bytes, inline_string, environment_variable');
  return { kind: 'inline', bytes: new Uint8Array() };
}
