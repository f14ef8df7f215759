import type { EnvoyFilter, WasmPlugin } from '../kinds/config-object.ts';
import type { Report } from '../schema/check-shape.ts';
import { checkLabels } from './names.ts';

const matchFor: Readonly<Record<string, 'listener' | 'routeConfiguration' | 'cluster'>> = {
  LISTENER: 'listener',
  FILTER_CHAIN: 'listener',
  NETWORK_FILTER: 'listener',
  HTTP_FILTER: 'listener',
  LISTENER_FILTER: 'listener',
  ROUTE_CONFIGURATION: 'routeConfiguration',
  VIRTUAL_HOST: 'routeConfiguration',
  HTTP_ROUTE: 'routeConfiguration',
  CLUSTER: 'cluster',
};

/** Reports what is wrong with an EnvoyFilter. */
export function checkEnvoyFilter({ spec }: EnvoyFilter, report: Report): void {
  checkLabels(spec.workloadSelector?.labels, 'spec.workloadSelector.labels', report);
  for (const [index, { applyTo, match, patch }] of (spec.configPatches ?? []).entries()) {
    const path = `spec.configPatches[${index}]`;
    if (applyTo === undefined || applyTo === 'INVALID') {
      report(`${path}.applyTo`, 'is required');
      continue;
    }
    if (patch?.operation === undefined || patch.operation === 'INVALID') {
      report(`${path}.patch.operation`, 'is required');
    } else if (patch.value === undefined && patch.operation !== 'REMOVE') {
      report(`${path}.patch.value`, `is required for operation ${patch.operation}`);
    }
    checkProxyVersion(match?.proxy?.proxyVersion, `${path}.match.proxy.proxyVersion`, report);
    checkFilterMatch(
      applyTo,
      match?.listener?.filterChain?.filter,
      `${path}.match.listener.filterChain.filter`,
      report,
    );
    const allowed = matchFor[applyTo];
    for (const field of ['listener', 'routeConfiguration', 'cluster'] as const) {
      if (match?.[field] !== undefined && field !== allowed) {
        report(
          `${path}.match.${field}`,
          `cannot match ${applyTo}${allowed === undefined ? '' : `: use ${allowed}`}`,
        );
      }
    }
  }
}

function checkProxyVersion(expression: string | undefined, path: string, report: Report): void {
  try {
    if (expression !== undefined) void new RegExp(expression);
  } catch {
    report(path, `"${expression}" is not a regular expression`);
  }
}

interface FilterMatch {
  readonly name?: string | undefined;
  readonly subFilter?: { readonly name?: string | undefined } | undefined;
}

/** Filters are matched by name, and those within one only for patches of these. */
function checkFilterMatch(
  applyTo: string,
  filter: FilterMatch | undefined,
  path: string,
  report: Report,
): void {
  if (filter === undefined) return;
  if (applyTo === 'LISTENER' || applyTo === 'FILTER_CHAIN') report(path, `cannot match ${applyTo}`);
  if ((filter.name ?? '') === '') report(`${path}.name`, 'is required');
  const { subFilter } = filter;
  if (subFilter === undefined) return;
  if (applyTo !== 'HTTP_FILTER')
    report(`${path}.subFilter`, `cannot match ${applyTo}: only HTTP_FILTER has it`);
  if ((subFilter.name ?? '') === '') report(`${path}.subFilter.name`, 'is required');
}

/** Reports what is wrong with a WasmPlugin. */
export function checkWasmPlugin({ spec }: WasmPlugin, report: Report): void {
  checkLabels(spec.selector?.matchLabels, 'spec.selector.matchLabels', report);
  const scheme = /^([a-z]+):\/\//.exec(spec.url)?.[1];
  if (scheme !== undefined && !['oci', 'https', 'http', 'file'].includes(scheme)) {
    report('spec.url', `must begin with oci://, https://, http:// or file://, not ${scheme}://`);
  }
  if (spec.sha256 !== undefined && spec.sha256 !== '' && !/^[0-9a-f]{64}$/.test(spec.sha256)) {
    report('spec.sha256', 'must be 64 hexadecimal digits');
  }
  for (const [index, variable] of (spec.vmConfig?.env ?? []).entries()) {
    if (variable.valueFrom === 'HOST' && variable.value !== undefined) {
      report(`spec.vmConfig.env[${index}].value`, 'must not be set where valueFrom is HOST');
    }
  }
}
