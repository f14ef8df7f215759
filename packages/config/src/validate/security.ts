import type {
  AuthorizationPolicy,
  PeerAuthentication,
  RequestAuthentication,
} from '../kinds/config-object.ts';
import { joinPath, type Report } from '../schema/check-shape.ts';
import { checkLabels, isAddressOrCidr, isHeaderName } from './names.ts';

/** Reports what is wrong with a PeerAuthentication. */
export function checkPeerAuthentication({ spec }: PeerAuthentication, report: Report): void {
  const labels = spec.selector?.matchLabels;
  checkLabels(labels, 'spec.selector.matchLabels', report);
  const ports = Object.keys(spec.portLevelMtls ?? {});
  if (ports.length > 0 && Object.keys(labels ?? {}).length === 0) {
    report('spec.portLevelMtls', 'needs a selector: ports are those of chosen workloads');
  }
  for (const port of ports) {
    const number = Number(port);
    if (!Number.isInteger(number) || number < 1 || number > 65_535) {
      report(joinPath('spec.portLevelMtls', port), `must be a port number, not "${port}"`);
    }
  }
}

/** Reports what is wrong with a RequestAuthentication. */
export function checkRequestAuthentication({ spec }: RequestAuthentication, report: Report): void {
  checkLabels(spec.selector?.matchLabels, 'spec.selector.matchLabels', report);
  for (const [index, rule] of (spec.jwtRules ?? []).entries()) {
    const path = `spec.jwtRules[${index}]`;
    if (rule.jwks !== undefined && rule.jwks !== '' && rule.jwksUri !== undefined && rule.jwksUri !== '') {
      report(path, 'only one of jwks, jwksUri may be set');
    }
    if (rule.jwksUri !== undefined && !/^https?:\/\/[^/]+/.test(rule.jwksUri)) {
      report(`${path}.jwksUri`, `must be an http or https URL, not "${rule.jwksUri}"`);
    }
    if (rule.jwks !== undefined && rule.jwks !== '' && !isKeySet(rule.jwks)) {
      report(`${path}.jwks`, 'must be a JSON Web Key Set: {"keys": [ … ]}');
    }
    for (const [h, { name }] of (rule.fromHeaders ?? []).entries()) {
      if (!isHeaderName(name))
        report(`${path}.fromHeaders[${h}].name`, `"${name}" is not the name of a header`);
    }
  }
}

function isKeySet(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys);
  } catch {
    return false;
  }
}

/** Attributes that conditions can name; those that end with `[` take a name in brackets. */
const conditionKeys = [
  'request.headers[',
  'source.ip',
  'remote.ip',
  'source.namespace',
  'source.principal',
  'source.serviceAccount',
  'request.auth.principal',
  'request.auth.audiences',
  'request.auth.presenter',
  'request.auth.claims[',
  'destination.ip',
  'destination.port',
  'connection.sni',
];

/** Reports what is wrong with an AuthorizationPolicy. */
export function checkAuthorizationPolicy({ spec }: AuthorizationPolicy, report: Report): void {
  checkLabels(spec.selector?.matchLabels, 'spec.selector.matchLabels', report);
  if (spec.action === 'CUSTOM') {
    if (!spec.provider?.name) report('spec.provider.name', 'is required for action CUSTOM');
    if ((spec.rules ?? []).length === 0)
      report('spec.rules', 'must have at least one element for action CUSTOM');
  } else if (spec.provider !== undefined) {
    report('spec.provider', `must not be set for action ${spec.action ?? 'ALLOW'}`);
  }
  for (const [r, rule] of (spec.rules ?? []).entries()) {
    const path = `spec.rules[${r}]`;
    for (const [f, { source }] of (rule.from ?? []).entries()) {
      const at = `${path}.from[${f}].source`;
      if (Object.keys(source ?? {}).length === 0) report(at, 'must have at least one property');
      for (const field of ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const) {
        for (const [b, block] of (source?.[field] ?? []).entries()) {
          if (!isAddressOrCidr(block)) {
            report(`${at}.${field}[${b}]`, `must be an IP address or a CIDR block, not "${block}"`);
          }
        }
      }
    }
    for (const [t, { operation }] of (rule.to ?? []).entries()) {
      const at = `${path}.to[${t}].operation`;
      if (Object.keys(operation ?? {}).length === 0) report(at, 'must have at least one property');
      for (const field of ['ports', 'notPorts'] as const) {
        for (const [p, port] of (operation?.[field] ?? []).entries()) {
          if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535) {
            report(`${at}.${field}[${p}]`, `must be a port number, not "${port}"`);
          }
        }
      }
    }
    for (const [w, condition] of (rule.when ?? []).entries()) {
      const at = `${path}.when[${w}]`;
      if ((condition.values ?? []).length + (condition.notValues ?? []).length === 0) {
        report(at, 'must have values or notValues');
      }
      const known = conditionKeys.some((key) =>
        key.endsWith('[')
          ? condition.key.startsWith(key) && condition.key.endsWith(']')
          : condition.key === key,
      );
      if (!known) {
        report(
          `${at}.key`,
          `must be one of ${conditionKeys.map((key) => (key.endsWith('[') ? `${key}NAME]` : key)).join(', ')}, not "${condition.key}"`,
        );
      }
    }
  }
}
