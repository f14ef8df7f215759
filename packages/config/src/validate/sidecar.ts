import { isIP } from 'node:net';
import type { Sidecar } from '../kinds/config-object.ts';
import type { Report } from '../schema/check-shape.ts';
import { checkProtocol } from './gateway.ts';
import { checkHost, checkLabels, checkUnique, isLabel, isWildcardHost } from './names.ts';

/** Reports what is wrong with a Sidecar, by Istio's rules. */
export function checkSidecar({ spec }: Sidecar, report: Report): void {
  checkLabels(spec.workloadSelector?.labels, 'spec.workloadSelector.labels', report);
  const ingress = spec.ingress ?? [];
  for (const [index, { port, defaultEndpoint }] of ingress.entries()) {
    const path = `spec.ingress[${index}]`;
    if (port.number === undefined) report(`${path}.port.number`, 'is required');
    if (port.protocol !== undefined) checkProtocol(port.protocol, `${path}.port.protocol`, report);
    if (defaultEndpoint !== undefined && defaultEndpoint !== '') {
      checkEndpoint(defaultEndpoint, `${path}.defaultEndpoint`, report);
    }
  }
  checkUnique(
    ingress.flatMap(({ port }, index) =>
      port.number === undefined
        ? []
        : [{ value: String(port.number), path: `spec.ingress[${index}].port.number` }],
    ),
    'port',
    report,
  );
  const egress = spec.egress ?? [];
  for (const [index, { port, hosts }] of egress.entries()) {
    const path = `spec.egress[${index}]`;
    if (hosts.length === 0) report(`${path}.hosts`, 'must have at least one element');
    if (port?.protocol !== undefined) checkProtocol(port.protocol, `${path}.port.protocol`, report);
    for (const [h, host] of hosts.entries()) checkEgressHost(host, `${path}.hosts[${h}]`, report);
    if (port === undefined && index < egress.length - 1) {
      report(path, 'only the last element may be without a port: it takes all that the others leave');
    }
  }
  const proxy = spec.outboundTrafficPolicy?.egressProxy;
  if (proxy !== undefined) {
    checkHost(proxy.host, 'spec.outboundTrafficPolicy.egressProxy.host', report);
    if (spec.outboundTrafficPolicy?.mode === 'REGISTRY_ONLY') {
      report('spec.outboundTrafficPolicy.egressProxy', 'has no effect where mode is REGISTRY_ONLY');
    }
  }
}

function checkEgressHost(text: string, path: string, report: Report): void {
  const slash = text.indexOf('/');
  if (slash < 0) {
    report(path, `must be NAMESPACE/HOST, as in ./* or istio-system/*, not "${text}"`);
    return;
  }
  const namespace = text.slice(0, slash);
  const host = text.slice(slash + 1);
  if (!['*', '.', '~'].includes(namespace) && !isLabel(namespace)) {
    report(path, `the namespace before the slash must be *, ., ~ or a name, not "${namespace}"`);
  }
  if (!isWildcardHost(host)) report(path, `must end with a host name, wildcards allowed, not "${host}"`);
}

function checkEndpoint(endpoint: string, path: string, report: Report): void {
  if (endpoint.startsWith('unix:///')) return;
  const colon = endpoint.lastIndexOf(':');
  const host = endpoint.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  const port = Number(endpoint.slice(colon + 1));
  const valid = colon > 0 && isIP(host) !== 0 && Number.isInteger(port) && port > 0 && port < 65_536;
  if (!valid) report(path, `must be 127.0.0.1:PORT, 0.0.0.0:PORT or unix:///PATH, not "${endpoint}"`);
}
