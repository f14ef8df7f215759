import { isIP } from 'node:net';
import type { ServiceEntry } from '../kinds/config-object.ts';
import type { WorkloadEntrySpec } from '../kinds/workload-entry.ts';
import { joinPath, type Report } from '../schema/check-shape.ts';
import { checkProtocol } from './gateway.ts';
import {
  checkExportTo,
  checkLabels,
  checkUnique,
  checkWildcardHost,
  isAddressOrCidr,
  isHostName,
} from './names.ts';

/** Reports what is wrong with a ServiceEntry, by Istio's rules. */
export function checkServiceEntry({ spec }: ServiceEntry, report: Report): void {
  const resolution = spec.resolution ?? 'NONE';
  const endpoints = spec.endpoints ?? [];
  for (const [index, host] of spec.hosts.entries()) {
    const path = `spec.hosts[${index}]`;
    if (host === '*') report(path, '"*" is not allowed: name the host, or the end of it as in *.example.com');
    else checkWildcardHost(host, path, report);
    const resolved = resolution === 'DNS' || resolution === 'DNS_ROUND_ROBIN';
    if (resolved && endpoints.length === 0 && spec.workloadSelector === undefined && !isHostName(host)) {
      report(path, `must be a full host name for resolution ${resolution} without endpoints, not "${host}"`);
    }
  }
  checkAddresses(spec, report);
  checkPorts(spec, report);
  if (spec.workloadSelector !== undefined && endpoints.length > 0) {
    report('spec', 'only one of workloadSelector, endpoints may be set');
  }
  checkLabels(spec.workloadSelector?.labels, 'spec.workloadSelector.labels', report);
  switch (resolution) {
    case 'NONE':
      if (endpoints.length > 0) report('spec.endpoints', 'must not be set for resolution NONE');
      break;
    case 'STATIC':
      if (endpoints.length === 0 && spec.workloadSelector === undefined) {
        report('spec.endpoints', 'endpoints or workloadSelector is required for resolution STATIC');
      }
      break;
    case 'DNS_ROUND_ROBIN':
      if (endpoints.length > 1)
        report('spec.endpoints', 'must have at most one element for resolution DNS_ROUND_ROBIN');
      break;
    default:
  }
  const ports = new Set((spec.ports ?? []).map(({ name }) => name));
  for (const [index, endpoint] of endpoints.entries()) {
    checkEndpoint(endpoint, resolution, ports, `spec.endpoints[${index}]`, report);
  }
  checkExportTo(spec.exportTo, report);
}

function checkAddresses({ addresses, resolution = 'NONE' }: ServiceEntry['spec'], report: Report): void {
  for (const [index, address] of (addresses ?? []).entries()) {
    const path = `spec.addresses[${index}]`;
    if (!isAddressOrCidr(address)) report(path, `must be an IP address or a CIDR block, not "${address}"`);
    else if (address.includes('/') && resolution !== 'NONE' && resolution !== 'STATIC') {
      report(path, `CIDR blocks are only allowed for resolution NONE and STATIC, not ${resolution}`);
    }
  }
}

function checkPorts({ ports = [] }: ServiceEntry['spec'], report: Report): void {
  for (const [index, { protocol }] of ports.entries()) {
    if (protocol !== undefined && protocol !== '') {
      checkProtocol(protocol, `spec.ports[${index}].protocol`, report);
    }
  }
  checkUnique(
    ports.map(({ name }, index) => ({ value: name, path: `spec.ports[${index}].name` })),
    'port name',
    report,
  );
  checkUnique(
    ports.map(({ number }, index) => ({ value: String(number), path: `spec.ports[${index}].number` })),
    'port',
    report,
  );
}

function checkEndpoint(
  endpoint: WorkloadEntrySpec,
  resolution: string,
  ports: ReadonlySet<string>,
  path: string,
  report: Report,
): void {
  const { address } = endpoint;
  if (address === undefined || address === '') {
    if (endpoint.network === undefined) report(`${path}.address`, 'is required');
  } else if (resolution === 'STATIC') {
    if (isIP(address) === 0 && !address.startsWith('unix://')) {
      report(`${path}.address`, `must be an IP address for resolution STATIC, not "${address}"`);
    }
  } else if (isIP(address) === 0 && !isHostName(address)) {
    report(`${path}.address`, `must be an IP address or a host name, not "${address}"`);
  }
  if (address?.startsWith('unix://') === true && Object.keys(endpoint.ports ?? {}).length > 0) {
    report(`${path}.ports`, 'must not be set for a unix:// address');
  }
  for (const name of Object.keys(endpoint.ports ?? {})) {
    if (!ports.has(name)) {
      report(
        joinPath(`${path}.ports`, name),
        `there is no port ${name}; the ports are ${[...ports].join(', ')}`,
      );
    }
  }
  checkLabels(endpoint.labels, `${path}.labels`, report);
}

/** Reports what is wrong with a workload that stands alone. */
export function checkWorkloadEntry(spec: WorkloadEntrySpec, report: Report): void {
  const { address } = spec;
  if (address === undefined || address === '') {
    if (spec.network === undefined) report('spec.address', 'is required');
  } else if (isIP(address) === 0 && !isHostName(address) && !address.startsWith('unix://')) {
    report('spec.address', `must be an IP address, a host name or unix:///PATH, not "${address}"`);
  }
  checkLabels(spec.labels, 'spec.labels', report);
}
