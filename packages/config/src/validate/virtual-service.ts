import type { VirtualService } from '../kinds/config-object.ts';
import type { Report } from '../schema/check-shape.ts';
import { hostMatches } from '../analyze/host-name.ts';
import { claimMatches, isOnlyForSidecars } from '../claim-matches.ts';
import { checkDestination, checkGatewayName, checkHttpRoute, checkWeights } from './http-route.ts';
import {
  checkExportTo,
  checkLabels,
  checkUnique,
  checkWildcardHost,
  isAddressOrCidr,
  isWildcardHost,
} from './names.ts';

/** Reports what is wrong with a VirtualService, by Istio's rules. */
export function checkVirtualService({ spec }: VirtualService, report: Report): void {
  const hosts = spec.hosts ?? [];
  const gateways = spec.gateways ?? [];
  const isDelegate = hosts.length === 0;
  if (isDelegate) {
    if (gateways.length > 0) report('spec.hosts', 'must have at least one element where gateways are named');
    for (const kind of ['tcp', 'tls'] as const) {
      if ((spec[kind] ?? []).length > 0)
        report('spec.hosts', `must have at least one element where ${kind} is set`);
    }
  }
  for (const [index, host] of hosts.entries()) {
    checkWildcardHost(host, `spec.hosts[${index}]`, report);
    const inMesh = gateways.length === 0 || gateways.includes('mesh');
    if (host === '*' && inMesh) {
      report(
        `spec.hosts[${index}]`,
        '"*" is only allowed at gateways: name them in gateways, or name the hosts',
      );
    }
  }
  checkUnique(
    hosts.map((value, index) => ({ value, path: `spec.hosts[${index}]` })),
    'host',
    report,
  );
  for (const [index, gateway] of gateways.entries())
    checkGatewayName(gateway, `spec.gateways[${index}]`, report);
  const rules = [spec.http, spec.tcp, spec.tls].reduce((sum, list) => sum + (list?.length ?? 0), 0);
  if (rules === 0) report('spec', 'must have at least one rule in http, tls or tcp');
  for (const [index, route] of (spec.http ?? []).entries()) {
    checkHttpRoute(route, `spec.http[${index}]`, isDelegate, report);
  }
  // Rules of a delegate are for whatever gateways name it.
  if (!isDelegate && isOnlyForSidecars(spec)) {
    for (const { path, name } of claimMatches(spec.http)) {
      report(path, `"${name}" can only be matched at gateways: name one in spec.gateways`);
    }
  }
  checkTlsRoutes(spec, report);
  checkTcpRoutes(spec, report);
  checkExportTo(spec.exportTo, report);
}

function checkTlsRoutes({ tls, hosts = [] }: VirtualService['spec'], report: Report): void {
  for (const [t, route] of (tls ?? []).entries()) {
    const path = `spec.tls[${t}]`;
    for (const [m, match] of route.match.entries()) {
      for (const [s, sni] of match.sniHosts.entries()) {
        const at = `${path}.match[${m}].sniHosts[${s}]`;
        if (!isWildcardHost(sni)) report(at, `must be a host name, wildcards allowed, not "${sni}"`);
        else if (!hosts.some((host) => hostMatches(host, sni))) {
          report(at, `"${sni}" is covered by none of the hosts ${hosts.join(', ')}`);
        }
      }
      checkSubnets(match.destinationSubnets, `${path}.match[${m}].destinationSubnets`, report);
      checkLabels(match.sourceLabels, `${path}.match[${m}].sourceLabels`, report);
    }
    checkRoutes(route.route, `${path}.route`, report);
  }
}

function checkTcpRoutes({ tcp }: VirtualService['spec'], report: Report): void {
  for (const [t, route] of (tcp ?? []).entries()) {
    const path = `spec.tcp[${t}]`;
    for (const [m, match] of (route.match ?? []).entries()) {
      if (match.sourceSubnet !== undefined) report(`${path}.match[${m}].sourceSubnet`, 'is not supported');
      checkSubnets(match.destinationSubnets, `${path}.match[${m}].destinationSubnets`, report);
      checkLabels(match.sourceLabels, `${path}.match[${m}].sourceLabels`, report);
    }
    checkRoutes(route.route, `${path}.route`, report);
  }
}

function checkRoutes(
  routes: NonNullable<VirtualService['spec']['tcp']>[number]['route'],
  path: string,
  report: Report,
): void {
  if ((routes ?? []).length === 0) report(path, 'must have at least one destination');
  for (const [index, { destination }] of (routes ?? []).entries()) {
    checkDestination(destination, `${path}[${index}].destination`, report);
  }
  checkWeights(routes ?? [], path, report);
}

function checkSubnets(subnets: readonly string[] | undefined, path: string, report: Report): void {
  for (const [index, subnet] of (subnets ?? []).entries()) {
    if (!isAddressOrCidr(subnet)) {
      report(`${path}[${index}]`, `must be an IP address or a CIDR block, not "${subnet}"`);
    }
  }
}
