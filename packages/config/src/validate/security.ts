import type { PeerAuthentication, RequestAuthentication } from '../kinds/config-object.ts';
import { joinPath, type Report } from '../schema/check-shape.ts';
import { checkDuration } from './durations.ts';
import { checkLabels, isHeaderName } from './names.ts';
import { checkTargets } from './policy-targets.ts';

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
  checkTargets(spec, report);
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
    checkDuration(rule.timeout, `${path}.timeout`, report);
    for (const [h, { name }] of (rule.fromHeaders ?? []).entries()) {
      if (!isHeaderName(name))
        report(`${path}.fromHeaders[${h}].name`, `"${name}" is not the name of a header`);
    }
    for (const [c, { header }] of (rule.outputClaimToHeaders ?? []).entries()) {
      if (!isHeaderName(header)) {
        report(`${path}.outputClaimToHeaders[${c}].header`, `"${header}" is not the name of a header`);
      }
    }
    const { outputPayloadToHeader } = rule;
    if (
      outputPayloadToHeader !== undefined &&
      outputPayloadToHeader !== '' &&
      !isHeaderName(outputPayloadToHeader)
    ) {
      report(`${path}.outputPayloadToHeader`, `"${outputPayloadToHeader}" is not the name of a header`);
    }
    for (const field of ['audiences', 'fromParams', 'fromCookies'] as const) {
      for (const [i, value] of (rule[field] ?? []).entries()) {
        if (value === '') report(`${path}.${field}[${i}]`, 'must not be empty');
      }
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
