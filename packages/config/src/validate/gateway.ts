import { isIP } from 'node:net';
import type { Gateway } from '../kinds/config-object.ts';
import type { GatewayServer, ServerTls } from '../kinds/gateway.ts';
import { parseProtocol, namedProtocols, type PortProtocol } from '../port-protocol.ts';
import type { Report } from '../schema/check-shape.ts';
import { checkLabels, checkUnique, isLabel, isWildcardHost } from './names.ts';

/** Reports what is wrong with a Gateway, by Istio's rules. */
export function checkGateway({ spec }: Gateway, report: Report): void {
  const servers = spec.servers ?? [];
  if (servers.length === 0) report('spec.servers', 'must have at least one element');
  checkLabels(spec.selector, 'spec.selector', report);
  for (const [index, server] of servers.entries()) checkServer(server, `spec.servers[${index}]`, report);
  checkUnique(
    servers.map(({ port }, index) => ({ value: port.name, path: `spec.servers[${index}].port.name` })),
    'port name',
    report,
  );
  checkUnique(
    servers.flatMap(({ name }, index) =>
      name === undefined || name === '' ? [] : [{ value: name, path: `spec.servers[${index}].name` }],
    ),
    'server name',
    report,
  );
}

function checkServer(server: GatewayServer, path: string, report: Report): void {
  const protocol = checkProtocol(server.port.protocol, `${path}.port.protocol`, report);
  if (!isLabel(server.port.name)) {
    report(`${path}.port.name`, `must be lower-case letters, digits and dashes, not "${server.port.name}"`);
  }
  for (const [index, host] of server.hosts.entries())
    checkServerHost(host, `${path}.hosts[${index}]`, report);
  if (
    server.bind !== undefined &&
    server.bind !== '' &&
    isIP(server.bind) === 0 &&
    !server.bind.startsWith('unix://')
  ) {
    report(`${path}.bind`, `must be an IP address or unix:///PATH, not "${server.bind}"`);
  }
  if (protocol !== undefined) checkTlsPresence(server, protocol, path, report);
  if (server.tls !== undefined) checkServerTls(server.tls, `${path}.tls`, report);
}

/** Reports a protocol that is unknown; returns the known one. */
export function checkProtocol(text: string, path: string, report: Report): PortProtocol | undefined {
  const protocol = parseProtocol(text);
  if (protocol === undefined) {
    report(
      path,
      `must be one of ${namedProtocols.map((name) => name.toUpperCase()).join(', ')}, not "${text}"`,
    );
  }
  return protocol;
}

function checkServerHost(host: string, path: string, report: Report): void {
  const slash = host.indexOf('/');
  const namespace = slash < 0 ? undefined : host.slice(0, slash);
  if (namespace !== undefined && !['*', '.'].includes(namespace) && !isLabel(namespace)) {
    report(path, `the namespace before the slash must be *, . or a name, not "${namespace}"`);
  }
  const name = host.slice(slash + 1);
  if (!isWildcardHost(name) && isIP(name) === 0) {
    report(
      path,
      `must be a host name, *, or * followed by the end of one as in *.example.com, not "${name}"`,
    );
  }
}

function checkTlsPresence(server: GatewayServer, protocol: PortProtocol, path: string, report: Report): void {
  const carriesTls = protocol === 'https' || protocol === 'tls';
  const { tls } = server;
  if (carriesTls && tls === undefined) {
    report(`${path}.tls`, `is required for protocol ${server.port.protocol}`);
    return;
  }
  if (tls === undefined) return;
  const onlyRedirects = Object.keys(tls).every((field) => field === 'httpsRedirect');
  if (!carriesTls && !onlyRedirects) {
    report(`${path}.tls`, `only httpsRedirect is allowed for protocol ${server.port.protocol}`);
  }
  if (carriesTls && tls.httpsRedirect === true) {
    report(`${path}.tls.httpsRedirect`, 'is only allowed for protocol HTTP: this port is https already');
  }
}

const versions = ['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'];

/** Reports what is wrong with the TLS of a port. */
export function checkServerTls(tls: ServerTls, path: string, report: Report): void {
  const certificates = ['serverCertificate', 'privateKey', 'caCertificates', 'credentialName'] as const;
  const present = certificates.filter((field) => tls[field] !== undefined && tls[field] !== '');
  switch (tls.mode) {
    case 'PASSTHROUGH':
    case 'AUTO_PASSTHROUGH':
    case 'ISTIO_MUTUAL':
      for (const field of present) report(`${path}.${field}`, `must not be set for mode ${tls.mode}`);
      break;
    case 'SIMPLE':
    case 'MUTUAL':
    case 'OPTIONAL_MUTUAL':
      checkOwnCertificates(tls, path, report);
      break;
    default:
  }
  const lowest = versions.indexOf(tls.minProtocolVersion ?? 'TLS_AUTO');
  const highest = versions.indexOf(tls.maxProtocolVersion ?? 'TLS_AUTO');
  if (highest > 0 && lowest > highest) {
    report(
      `${path}.minProtocolVersion`,
      `must not be above maxProtocolVersion ${tls.maxProtocolVersion ?? ''}`,
    );
  }
}

function checkOwnCertificates(tls: ServerTls, path: string, report: Report): void {
  if (tls.credentialName !== undefined && tls.credentialName !== '') return;
  for (const field of ['serverCertificate', 'privateKey'] as const) {
    if (!tls[field])
      report(`${path}.${field}`, `is required for mode ${tls.mode}, or credentialName in its place`);
  }
  if (tls.mode !== 'SIMPLE' && !tls.caCertificates) {
    report(`${path}.caCertificates`, `is required for mode ${tls.mode}, or credentialName in its place`);
  }
}
